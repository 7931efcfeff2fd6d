// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"github.com/go-logr/logr"
	"github.com/hashicorp/go-hclog"
)

// logrFrom lets controller-runtime log through hclog, as the provider does.
func logrFrom(logger hclog.Logger) logr.Logger {
	return logr.New(&logSink{logger: logger})
}

// mostVerbose is the highest verbosity that is logged: client-go logs whole
// requests and answers beyond, and with them Secrets.
const mostVerbose = 6

// logSink is hclog behind logr's interface.
type logSink struct {
	logger hclog.Logger
}

var _ logr.LogSink = (*logSink)(nil)

// Init does nothing: hclog finds no caller.
func (s *logSink) Init(logr.RuntimeInfo) {}

// Enabled maps logr's verbosity: 0 is info, 1 debug, more is trace, up to mostVerbose.
func (s *logSink) Enabled(level int) bool {
	return level <= mostVerbose && s.logger.GetLevel() <= hclogLevel(level)
}

// Info logs a message.
func (s *logSink) Info(level int, message string, keysAndValues ...any) {
	s.logger.Log(hclogLevel(level), message, keysAndValues...)
}

// Error logs an error.
func (s *logSink) Error(err error, message string, keysAndValues ...any) {
	s.logger.Error(message, slices.Concat(keysAndValues, []any{"error", err})...)
}

// WithValues adds values to every line.
func (s *logSink) WithValues(keysAndValues ...any) logr.LogSink {
	return &logSink{logger: s.logger.With(keysAndValues...)}
}

// WithName adds a name to every line.
func (s *logSink) WithName(name string) logr.LogSink {
	return &logSink{logger: s.logger.Named(name)}
}

func hclogLevel(level int) hclog.Level {
	switch {
	case level <= 0:
		return hclog.Info
	case level == 1:
		return hclog.Debug
	default:
		return hclog.Trace
	}
}
