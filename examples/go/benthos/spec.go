package benthos

import (
	"time"

	"github.com/redpanda-data/benthos/v4/public/service"
)

const (
	// name is the input's.
	name    = "polling_source"
	version = "0.1.0"
)

// The fields.
const (
	fieldComponent      = "component"
	fieldSHA256         = "sha256"
	fieldConfig         = "config"
	fieldSecrets        = "secrets"
	fieldAllow          = "allow"
	fieldAllowAddresses = "allow_addresses"
	fieldCAFile         = "ca_file"
	fieldTimeout        = "timeout"
	fieldCursor         = "cursor"
	fieldFile           = "file"
	fieldCache          = "cache"
	fieldKey            = "key"
	fieldPollInterval   = "poll_interval"
	fieldMaxInFlight    = "max_in_flight"
)

const (
	maxInFlightMax = 64
	timeoutMax     = 30 * time.Second
)

func spec() *service.ConfigSpec {
	return service.NewConfigSpec().
		Beta().
		Version(version).
		Categories("Services").
		Summary("Collects the events of a log source that is one WebAssembly component.").
		Description(`
The component talks to one kind of API: what to ask next, how to sign it, what an answer means. It runs in a
sandbox and reaches nothing but the origins in `+"`allow`"+`, and neither files nor environment. The input polls it,
and stores its cursor once the output has acknowledged every event before it: after a crash at most the batches
that were under way come again, with the same ids, and nothing is lost.`).
		Footnotes(`
== Metadata

This input adds the following metadata fields to each message:

- log_record_uid, polling_source_id: the same row has the same id, whenever it comes
- polling_source_kind: such as acme.audit.login
- polling_source_time: RFC 3339, in UTC; missing where the row's own time is unreadable
- polling_source_name, polling_source_version: the source's own`).
		Fields(
			service.NewStringField(fieldComponent).
				Description("The component's file.").
				Example("/usr/lib/sources/mimecast-ttp-source.wasm"),
			service.NewStringField(fieldSHA256).
				Description("What the SHA-256 of that file has to be, in hexadecimal. Another file is refused.").
				LintRule(`root = if !this.re_match("^([0-9a-fA-F]{64})?$") { [ "it takes 64 hexadecimal digits" ] }`).
				Default("").Advanced(),
			service.NewAnyMapField(fieldConfig).
				Description("The source's own configuration, its secrets left out. The source validates it when the input starts.").
				Example(map[string]any{
					"base_url": "https://api.services.mimecast.com",
					"auth":     map[string]any{"type": "oauth2", "client_id": "${MC_CLIENT_ID}"},
				}).
				Default(map[string]any{}),
			service.NewStringMapField(fieldSecrets).
				Description("What is secret of it: texts by where they belong in `config`, names joined by dots. Give them "+
					"as `${NAME}`, in quotes. Whatever shows the configuration, such as `echo`, shows none of them, nor does "+
					"what the input and the source tell. A secret in `config` itself is shown by what shows the configuration.").
				Example(map[string]any{"auth.client_secret": "${MC_CLIENT_SECRET}"}).
				Default(map[string]any{}).
				Secret(),
			service.NewStringListField(fieldAllow).
				Description("All that the source may reach: origins, as `scheme://host[:port]`. Nothing else, and no redirect, is followed.").
				Example([]string{"https://api.services.mimecast.com"}),
			service.NewStringListField(fieldAllowAddresses).
				Description("Addresses and ranges that are not public and that the names in `allow` may lead to all the "+
					"same. An address that stands in `allow` itself needs no entry.").
				Example([]string{"10.20.0.0/16"}).
				Default([]string{}).Advanced(),
			service.NewStringField(fieldCAFile).
				Description("Certificates in PEM that are trusted beside the machine's.").
				Default("").Advanced(),
			service.NewDurationField(fieldTimeout).
				Description("The longest time of one HTTP exchange, up to 30s.").
				LintRule(`root = if this.parse_duration().catch(0) <= 0 || this.parse_duration().catch(0) > 30000000000 { [ "it takes a duration of up to 30s" ] }`).
				Default("30s").Advanced(),
			service.NewObjectField(fieldCursor,
				service.NewStringField(fieldFile).
					Description("A file. A new cursor is synced beside it and takes its place; a lock beside it keeps a second input away.").
					Example("/var/lib/benthos/mimecast.cursor").
					Default(""),
				service.NewStringField(fieldCache).
					Description("The name of a cache resource, in the place of a file. It must keep what it is given: no `ttl`.").
					Example("cursors").
					Default(""),
				service.NewStringField(fieldKey).
					Description("The key in that cache, which no other input may have.").
					Example("mimecast").
					Default(""),
			).
				Description("Where the cursor is kept: either a `file`, or a `cache` and a `key`.").
				LintRule(`root = match {
  this.file.or("") == "" && this.cache.or("") == "" => [ "it takes a file, or a cache and a key" ]
  this.file.or("") != "" && (this.cache.or("") != "" || this.key.or("") != "") => [ "it takes either a file, or a cache and a key" ]
  this.cache.or("") != "" && this.key.or("") == "" => [ "a cache takes a key" ]
}`),
			service.NewDurationField(fieldPollInterval).
				Description("The least time between polls of a source that is caught up.").
				LintRule(`root = if this.parse_duration().catch(-1) < 0 { [ "it takes a duration" ] }`).
				Default("60s"),
			service.NewIntField(fieldMaxInFlight).
				Description("How many batches may be under way before the first of them is acknowledged. All of them are held "+
					"in memory, and come again after a crash. Batching at the output waits for its period if it wants more. Above 1 it is for sources that can be polled from an older cursor again.").
				LintRule(`root = if this < 1 || this > 64 { [ "it takes 1 to 64" ] }`).
				Default(1).Advanced(),
		).
		Example("Mimecast, into a file of lines", "Each event once, also over restarts; a line that a kill cuts does not run into the next.", `
input:
  polling_source:
    component: /usr/lib/sources/mimecast-ttp-source.wasm
    allow: [ "https://api.services.mimecast.com" ]
    cursor:
      file: /var/lib/benthos/mimecast.cursor
    config:
      base_url: https://api.services.mimecast.com
      auth:
        type: oauth2
        client_id: "${MC_CLIENT_ID}"
    secrets:
      auth.client_secret: "${MC_CLIENT_SECRET}"

pipeline:
  processors:
    - mapping: 'root = "\n" + content().string()'

output:
  file:
    path: /var/log/mimecast.ndjson
    codec: lines
`)
}
