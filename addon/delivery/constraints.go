// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"fmt"
	"strings"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/constraint"
)

// constraintsOf reads the constraints of an environment.
func constraintsOf(env *Environment) (constraint.Constraints, error) {
	return constraint.Read(env.Name, env.Spec.Constraints)
}

// brokenBy are the rules that the objects of a unit break, as texts.
func brokenBy(unit Unit, checked constraint.Constraints) []string {
	var texts []string
	for _, object := range unit.Result.Objects {
		for _, breach := range checked.Check(object) {
			texts = append(texts, checked.Text(object, breach))
		}
	}
	return texts
}

// constrain takes the environments out of the plan of which a rule is broken:
// nothing is delivered there, and what was delivered stays. Others go on.
func (p *Plan) constrain(world World) {
	broken := map[string]*breaches{}
	for _, unit := range p.Units {
		env := world[unit.Place.Environment]
		checked, err := constraintsOf(env)
		if err != nil {
			continue // such an environment is not admitted in the first place
		}
		if broken[env.Name] == nil {
			broken[env.Name] = &breaches{clusters: map[string][]string{}}
		}
		broken[env.Name].add(unit, brokenBy(unit, checked))
	}
	for _, name := range world.Names() {
		if found := broken[name]; found != nil && len(found.order) > 0 {
			p.exclude(name)
			p.problem(Problem{Reason: ReasonConstraintViolated, Message: found.text()})
		}
	}
}

// breaches are those of an environment: the same object breaks the same rule on
// many clusters.
type breaches struct {
	order    []string
	clusters map[string][]string
}

func (b *breaches) add(unit Unit, texts []string) {
	for _, text := range texts {
		text = fmt.Sprintf("component %q: %s", unit.Component, text)
		if b.clusters[text] == nil {
			b.order = append(b.order, text)
		}
		b.clusters[text] = append(b.clusters[text], unit.Place.Cluster)
	}
}

// text makes one text of all, since a condition has room for some.
func (b *breaches) text() string {
	const most = 5
	var texts []string
	for _, text := range b.order[:min(len(b.order), most)] {
		texts = append(texts, fmt.Sprintf("%s [on %s]", text, constraint.Enumerate(b.clusters[text])))
	}
	if more := len(b.order) - most; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, "; ")
}

// exclude drops the units of an environment, and tenants that only they need,
// without concluding anything of what is delivered there.
func (p *Plan) exclude(environment string) {
	p.unresolved[environment] = true
	var kept, excluded []Unit
	for _, unit := range p.Units {
		if unit.Place.Environment == environment {
			excluded = append(excluded, unit)
			continue
		}
		kept = append(kept, unit)
	}
	p.Units = kept
	p.noteScaled(excluded)
	needed := map[TenantKey]bool{}
	for _, unit := range p.Units {
		needed[unit.Place.Tenant()] = true
	}
	for key := range p.Tenants {
		if !needed[key] {
			delete(p.Tenants, key)
		}
	}
}
