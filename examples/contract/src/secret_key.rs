//! Which keys have secrets for values, by their names.

/// Whether a value under this key is taken to be a secret.
pub fn is_secret_key(key: &str) -> bool {
    let words = words(key);
    let has = |marks: &[&str]| {
        // Without what divides its words, too: `apikey`, `pass-word`.
        let joined = words.concat();
        marks.iter().any(|mark| joined.contains(mark))
    };
    let is_word = |word: &String| SECRET_WORDS.contains(&word.as_str());
    if has(&SECRET_ALWAYS) || words.iter().any(is_word) {
        return true;
    }
    // `token_url` and `signature_version` tell of a secret, and are none.
    let about = words.last().is_some_and(|last| ABOUT.contains(&last.as_str()));
    has(&SECRET_MARKS) && !about
}

/// The words of a key, in small letters: `clientSecret`, `client-secret` and `client_secret` have
/// the same.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for character in key.chars() {
        if character.is_uppercase() && before.is_lowercase() || !character.is_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| character.is_alphanumeric()) {
            word.push(character.to_ascii_lowercase());
        }
        before = character;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What the key of a secret contains.
const SECRET_ALWAYS: [&str; 5] = ["secret", "password", "passwd", "passphrase", "credential"];
/// The same, unless the key ends in a word that tells of something about a secret.
const SECRET_MARKS: [&str; 6] = ["key", "token", "authorization", "cookie", "signature", "bearer"];
/// Words of a key that are too short to be looked for within others.
const SECRET_WORDS: [&str; 10] =
    ["pwd", "pass", "passcode", "pin", "otp", "psk", "sas", "jwt", "private", "assertion"];
const ABOUT: [&str; 11] = [
    "url",
    "uri",
    "endpoint",
    "host",
    "type",
    "version",
    "algorithm",
    "method",
    "format",
    "secs",
    "seconds",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_secrets_are_known_by_their_name() {
        for key in [
            "secret_key",
            "apiKey",
            "client_secret",
            "Password",
            "access-token",
            "pwd",
            "dbPwd",
            "user.passwd",
            "pass",
            "Authorization",
            "Proxy-Authorization",
            "session_cookie",
            "Set-Cookie",
            "signature",
            "bearer",
            "private",
            "privatePem",
            "pin",
            "PSK",
            "secret_url",
        ] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in [
            "base_url",
            "start",
            "type",
            "token_url",
            "signature_version",
            "mapping",
            "author",
            "bypass",
            "compass_host",
            "spinning",
            "client_id",
        ] {
            assert!(!is_secret_key(key), "{key}");
        }
    }
}
