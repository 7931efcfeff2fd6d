// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"time"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
)

// orphan is what spec.deletion says of objects that are to stay.
const orphan = "Orphan"

// In tells a plan how the environments want what leaves them to go. Of an
// environment that is not there nothing is known: what was delivered to it is deleted.
func (p *Plan) In(world World) *Plan {
	p.deletions = make(map[string]v1alpha1.DeletionPolicy, len(world))
	for name, environment := range world {
		if deletion := environment.Spec.Deletion; deletion != nil {
			p.deletions[name] = *deletion
		}
	}
	return p
}

// removeOptions say how something is removed that is not wanted.
func (p *Plan) removeOptions(record Record) RemoveOptions {
	environment := record.Place.Environment
	deletion := p.deletions[environment]
	options := RemoveOptions{
		Leave: deletion.Policy == orphan, Final: p.final || p.givenUp(record.Place), Abandon: deletion.Unreachable == orphan,
	}
	if deletion.Timeout != nil {
		options.Patience = max(deletion.Timeout.Duration, time.Nanosecond) // none at all is still a limit
	}
	return options
}
