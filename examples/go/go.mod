module polling-source.example/go

go 1.25.0

require github.com/samyfodil/wazy v0.8.0

require golang.org/x/sys v0.44.0

require github.com/klauspost/compress v1.20.4
