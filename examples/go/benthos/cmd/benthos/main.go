// Command benthos is Benthos with the input polling_source, and the components that need no service.
package main

import (
	"context"

	_ "github.com/redpanda-data/benthos/v4/public/components/io"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/service"

	_ "polling-source.example/go/benthos"
)

func main() { service.RunCLI(context.Background()) }
