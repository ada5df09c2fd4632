package collector

import (
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newLogger is the receiver's own of the Collector's. The Collector leaves lines out, of those with the same text
// within 10 s, whoever wrote them: so each begins with the name of the receiver. What it tells once would be lost
// among what others tell often.
func newLogger(of *zap.Logger, id component.ID) *zap.Logger {
	return of.WithOptions(
		zap.AddStacktrace(zap.FatalLevel), // Where a line was written says nothing to who runs it.
		zap.WrapCore(func(core zapcore.Core) zapcore.Core { return named{core, id.String() + ": "} }),
	)
}

// named writes lines that begin with a name.
type named struct {
	zapcore.Core
	name string
}

func (n named) With(fields []zapcore.Field) zapcore.Core { return named{n.Core.With(fields), n.name} }

func (n named) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	entry.Message = n.name + entry.Message
	return n.Core.Check(entry, checked)
}
