// The stages of a request's authorization, computed here once more and held against what the
// component sent. By the browser's own cryptography: no code is shared with the component.

import { headerDate } from './moment.js';

/**
 * One stage: what it is, how it is made, what this page computed, and what the component sent (null
 * if the stage is never sent). `secret` tells that it is to be hidden with the keys.
 */
const stage = (name, how, computed, sent, secret = false) => ({
  name,
  how,
  computed,
  sent,
  secret,
  verdict: sent === null ? 'not sent' : sent === computed ? 'equal' : 'differs',
});

/**
 * API 1.0. `sentAt` is the time by the clock that signs, `random` the bytes that the component was
 * given for the request's id.
 */
export async function signatureStages(request, keys, { sentAt, random }) {
  const header = (name) => headerOf(request, name);
  const date = header('x-mc-date');
  const requestId = header('x-mc-req-id');
  const authorization = header('authorization');
  const sentSignature = authorization.slice(authorization.lastIndexOf(':') + 1);
  const path = new URL(request.url).pathname;
  const toSign = `${date}:${requestId}:${path}:${keys.app_key}`;
  const key = bytesOfBase64(keys.secret_key);
  const mac = await hmacSha1(key, new TextEncoder().encode(toSign));
  const signature = base64(mac);
  return [
    stage('date', 'the clock, as x-mc-date wants it', headerDate(sentAt), date),
    stage('request id', '16 random bytes as a UUID of version 4', uuid(random), requestId),
    stage('string to sign', 'date : request id : path : application key', toSign, null, true),
    stage('key', 'the secret key, base64-decoded, in hex', hex(key), null, true),
    stage('HMAC-SHA1', 'of the string, under the key, in hex', hex(mac), hexOf(sentSignature)),
    stage('signature', 'the same in base64', signature, sentSignature),
    stage(
      'Authorization',
      'MC, the access key, a colon, the signature',
      `MC ${keys.access_key}:${signature}`,
      authorization,
      true,
    ),
    stage('x-mc-app-id', 'the application id', keys.app_id, header('x-mc-app-id')),
  ];
}

/** API 2.0, the request for a token. */
export function tokenStages(request, keys) {
  const form = new URLSearchParams(new TextDecoder().decode(request.body));
  return [
    stage('grant_type', 'always the same', 'client_credentials', form.get('grant_type')),
    stage('client_id', 'as configured', keys.client_id, form.get('client_id')),
    stage('client_secret', 'as configured', keys.client_secret, form.get('client_secret'), true),
  ];
}

/** API 2.0, a request with a token: the newest one that the endpoint gave. */
export function bearerStages(request, token) {
  const how = 'Bearer and the newest token that the endpoint gave';
  return [stage('Authorization', how, `Bearer ${token}`, headerOf(request, 'authorization'), true)];
}

/** The value of a header, or an empty text. */
export function headerOf({ headers }, name) {
  return headers.find((header) => header.name.toLowerCase() === name)?.value ?? '';
}

async function hmacSha1(key, bytes) {
  const algorithm = { name: 'HMAC', hash: 'SHA-1' };
  // WebCrypto takes no empty key; HMAC fills every key up with zeros, so that one zero is the same.
  const raw = key.length === 0 ? new Uint8Array(1) : key;
  const imported = await crypto.subtle.importKey('raw', raw, algorithm, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, bytes));
}

function uuid(random) {
  const bytes = Uint8Array.from(random);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const base64 = (bytes) => btoa(String.fromCharCode(...bytes));
const bytesOfBase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

function hexOf(text) {
  try {
    return hex(bytesOfBase64(text));
  } catch {
    return 'no base64';
  }
}
