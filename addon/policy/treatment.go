// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Treatment is what the policies of an application say of how one object is
// written, kept and removed. The zero value is the usual: server-side apply,
// what others change is put back, and the object goes when the application no
// longer has it.
type Treatment struct {
	// ReadOnly objects are observed, and neither written nor removed.
	ReadOnly bool
	// TakeOver lets an object be taken over that exists and that nobody delivers.
	TakeOver bool
	// Shared lets several applications have the object: one of them writes it, and
	// it goes with the last.
	Shared bool
	// Once means that the object is written when it does not exist, and left alone afterwards.
	Once bool
	// LeaveDrift means that what others change is not put back before the
	// application changes the object.
	LeaveDrift bool
	// Held are fields that others may change once the object exists.
	Held []HeldField
	// Removal is RemoveOnUpdate, RemoveOnDelete or RemoveNever; empty when no policy says.
	Removal string
	// Propagation is "orphan" (what the object owns stays) or "cascading"; empty when no policy says.
	Propagation string
	// Replace means that what the application does not say is removed from the object.
	Replace bool
	// RecreateFields are fields whose change deletes the object and makes it anew.
	RecreateFields []string
}

// HeldField is a field that is left to others once the object exists.
type HeldField struct {
	// Path of the field, such as spec.replicas or spec.template.spec.containers[0].image.
	Path string
	// Renew means that a value that the application changes is written once.
	Renew bool
	// Omit means that the field is not even written when the object is made.
	Omit bool
}

// Usual says that no policy says anything of the object.
func (t Treatment) Usual() bool {
	return !t.ReadOnly && !t.TakeOver && !t.Shared && !t.Once && !t.LeaveDrift && len(t.Held) == 0 &&
		t.Removal == "" && t.Propagation == "" && !t.Replace && len(t.RecreateFields) == 0
}

// wholeObject is the path that stands for all fields.
const wholeObject = "*"

// Treat says how an object is treated. Policies of one type add up: of several
// that pick the object the first counts, as for the rules of one policy.
func (p *Policies) Treat(r Resource) Treatment {
	var t Treatment
	for _, policy := range p.All {
		t.add(policy, r)
	}
	return t
}

func (t *Treatment) add(p Policy, r Resource) {
	switch {
	case p.ReadOnly != nil:
		t.ReadOnly = t.ReadOnly || p.ReadOnly.Match(r)
	case p.TakeOver != nil:
		t.TakeOver = t.TakeOver || p.TakeOver.Match(r)
	case p.SharedResource != nil:
		t.Shared = t.Shared || p.SharedResource.Match(r)
	case p.ApplyOnce != nil:
		t.addApplyOnce(p.ApplyOnce, r)
	case p.GarbageCollect != nil:
		t.addGarbageCollect(p.GarbageCollect, r)
	case p.ResourceUpdate != nil:
		if rule, ok := p.ResourceUpdate.Rule(r); ok && !t.Replace && len(t.RecreateFields) == 0 {
			t.Replace, t.RecreateFields = rule.Op == "replace", rule.RecreateFields
		}
	}
}

// addApplyOnce reads a policy of type apply-once. Without rules it leaves drift
// alone and lets the application's own changes through, as OAM has it.
func (t *Treatment) addApplyOnce(p *ApplyOnce, r Resource) {
	if !p.Enable || t.Once || t.LeaveDrift || len(t.Held) > 0 {
		return
	}
	if len(p.Rules) == 0 {
		t.LeaveDrift = true
		return
	}
	rule, ok := p.Rule(r)
	if !ok {
		return
	}
	renew := rule.Affect == "onStateKeep"
	if slices.Contains(rule.Path, wholeObject) {
		t.Once, t.LeaveDrift = !renew, renew
		return
	}
	for _, path := range rule.Path {
		t.Held = append(t.Held, HeldField{Path: path, Renew: renew})
	}
}

func (t *Treatment) addGarbageCollect(p *GarbageCollect, r Resource) {
	if t.Removal != "" {
		return
	}
	if rule, ok := p.Rule(r); ok {
		t.Removal, t.Propagation = rule.Strategy, rule.Propagation
		return
	}
	if p.KeepLegacyResource {
		t.Removal = keepLonger(UsualRemoval(schema.GroupKind{Group: r.Group, Kind: r.Kind}))
	}
}

// UsualRemoval is when an object of a kind goes of which no policy says it: one
// that holds data or the objects of others is never removed.
func UsualRemoval(kind schema.GroupKind) string {
	switch kind.String() {
	case "PersistentVolumeClaim", "Namespace":
		return RemoveNever
	}
	return RemoveOnUpdate
}

// keepLonger is when an object goes that is kept until its application is deleted:
// what would stay without that stays with it.
func keepLonger(usual string) string {
	if usual == RemoveNever {
		return RemoveNever
	}
	return RemoveOnDelete
}
