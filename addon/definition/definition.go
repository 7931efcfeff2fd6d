// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package definition holds X-definitions: what a component or trait type is
// called, which parameters it takes, and the CUE template that makes its objects.
//
// The package is pure: it neither reads a cluster nor knows of a controller.
package definition

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// Kind is what a definition defines.
type Kind string

// The kinds of definitions.
const (
	// Component is a type of component.
	Component Kind = "component"
	// Trait is a type of trait.
	Trait Kind = "trait"
	// Policy is a type of policy.
	Policy Kind = "policy"
	// WorkflowStep is a type of workflow step.
	WorkflowStep Kind = "workflow-step"
)

// LabelDeprecated marks, with the value true, a type that should not be used any more.
const LabelDeprecated = customPrefix + "deprecated"

// customPrefix is before the labels of definitions that have no meaning of their own in OAM.
const customPrefix = "custom.definition.oam.dev/"

// Definition is one type that applications can use. It must not be changed
// after it was handed out; it is safe for concurrent use.
type Definition struct {
	// Kind says what the definition defines.
	Kind Kind
	// Name of the type, as applications write it.
	Name string
	// Version of the definition; empty when it has none.
	Version string
	// Revision is the number that the cluster gave to the definition; zero when it has none.
	Revision int64
	// Archived says that a type is only this definition where its version is asked for.
	Archived bool
	// Foreign says that the definition is not part of the product, so that its
	// source is not to be trusted.
	Foreign bool
	// Description says in a sentence what the type is for.
	Description string
	// Labels of the definition.
	Labels map[string]string
	// Annotations of the definition.
	Annotations map[string]string
	// Deprecated says that the type should not be used any more; the description names the one to use.
	Deprecated bool
	// Workload is the kind of the main object of a component type; empty when it differs by use.
	Workload v1beta1.WorkloadGVK
	// WorkloadType is the name of the kind of the main object, such as deployments.apps; empty when Workload says it.
	WorkloadType string
	// Reference is the name of the CRD that implements a trait; empty for none.
	Reference string
	// AppliesTo are the workloads that a trait may be used with; empty means all.
	AppliesTo []string
	// ConflictsWith are traits that may not be used together with this one.
	ConflictsWith []string
	// Stage says when the objects of a trait are delivered.
	Stage v1beta1.StageType
	// ManageWorkload says that a trait makes the workload itself.
	ManageWorkload bool
	// ControlPlaneOnly says that the objects of a trait stay on the hub.
	ControlPlaneOnly bool
	// PodDisruptive says that a change of the trait restarts pods.
	PodDisruptive bool
	// ManageHealthCheck says that the health of what a policy makes counts.
	ManageHealthCheck bool
	// WorkloadRefPath is the path that takes a reference to the workload; empty for none.
	WorkloadRefPath string
	// Template is the CUE source that yields the objects.
	Template string
	// HealthPolicy is the CUE source that yields isHealth; empty means always healthy.
	HealthPolicy string
	// CustomStatus is the CUE source that yields message.
	CustomStatus string
	// Details is the CUE source whose top-level fields are shown in the status.
	Details string
	// Notices say what was rewritten because it was written for an older CUE.
	Notices []Notice
	// Digest identifies the content of the definition.
	Digest string

	compiled compiled
}

// Part is a piece of CUE source of a definition.
type Part string

// The parts of a definition.
const (
	// TemplatePart yields the objects.
	TemplatePart Part = "template"
	// HealthPart yields isHealth.
	HealthPart Part = "healthPolicy"
	// StatusPart yields message.
	StatusPart Part = "customStatus"
	// DetailsPart yields the details of the status.
	DetailsPart Part = "details"
)

// compiled is what is made of the source when it is first needed.
type compiled struct {
	mutex    sync.Mutex
	runner   program.Runner
	programs map[Part]*program.Program
	schema   *schema
	compared []any
	// facts are what others have found out about the definition.
	facts sync.Map
}

// Facts are what other packages have found out about the definition and need not
// find out again. They go when it goes. A key has a type that only its package has.
func (d *Definition) Facts() *sync.Map { return &d.compiled.facts }

// Program is the compiled source of a part; nil when the definition has no such part.
func (d *Definition) Program(part Part) *program.Program {
	source := d.source(part)
	if source == "" {
		return nil
	}
	d.compiled.mutex.Lock()
	defer d.compiled.mutex.Unlock()
	return d.program(part, source)
}

// program must be called with the mutex held.
func (d *Definition) program(part Part, source string) *program.Program {
	if p, ok := d.compiled.programs[part]; ok {
		return p
	}
	if d.compiled.programs == nil {
		d.compiled.programs = map[Part]*program.Program{}
	}
	p := program.NewIn(d.compiled.runner, d.programName(part), source)
	d.compiled.programs[part] = p
	return p
}

// programName names a part of a definition in errors. partOf reads it.
func (d *Definition) programName(part Part) string {
	return string(d.Kind) + "/" + d.Name + "/" + string(part)
}

func partOf(programName string) (Kind, Part) {
	kind, rest, _ := strings.Cut(programName, "/")
	return Kind(kind), Part(rest[strings.LastIndex(rest, "/")+1:])
}

// WithoutEffect lists what the definition says that is accepted and has no effect in this version.
func (d *Definition) WithoutEffect() []string {
	var out []string
	if d.ManageWorkload {
		out = append(out, "manageWorkload has no effect in this version: the component's own workload is delivered too; leave it out of the component's template")
	}
	if d.ControlPlaneOnly {
		out = append(out, "controlPlaneOnly has no effect in this version: objects of traits go where the component goes")
	}
	return out
}

// Rewritten says what was rewritten because it was written for an older CUE.
func (d *Definition) Rewritten() ([]string, error) {
	var out []string
	for _, n := range d.Notices {
		out = append(out, n.String())
	}
	for _, part := range []Part{TemplatePart, HealthPart, StatusPart, DetailsPart} {
		p := d.Program(part)
		if p == nil {
			continue
		}
		description, err := p.Description()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part, err)
		}
		if description != nil {
			out = append(out, description.Notices...)
		}
	}
	return out, nil
}

func (d *Definition) source(part Part) string {
	switch part {
	case TemplatePart:
		return d.Template
	case HealthPart:
		return d.HealthPolicy
	case StatusPart:
		return d.CustomStatus
	case DetailsPart:
		return d.Details
	}
	return ""
}

// parameters is the schema of the parameters. Source that does not compile
// takes any parameters: rendering says what is wrong with it.
func (d *Definition) parameters() *schema {
	d.compiled.mutex.Lock()
	defer d.compiled.mutex.Unlock()
	if d.compiled.schema == nil {
		s, err := schemaOf(d.program(TemplatePart, d.Template))
		if err != nil {
			return anything() // which may be otherwise next time
		}
		d.compiled.schema = s
	}
	return d.compiled.schema
}

// Check compiles the CUE of all parts and says what is wrong with the first that fails.
func (d *Definition) Check() error {
	for _, part := range []Part{TemplatePart, HealthPart, StatusPart, DetailsPart} {
		p := d.Program(part)
		if p == nil {
			continue
		}
		if err := p.Check(); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	return nil
}

// Prepare finds out what the CUE of all parts reads. The error says that this
// cannot be found out now; CUE that is wrong says so when it is used.
func (d *Definition) Prepare() error {
	for _, part := range []Part{TemplatePart, HealthPart, StatusPart, DetailsPart} {
		p := d.Program(part)
		if p == nil {
			continue
		}
		_, err := p.Description()
		var f *program.Failure
		if errors.As(err, &f) && f.Temporary {
			return fmt.Errorf("read %s of the %s: %w", part, d.title(), err)
		}
	}
	return nil
}

// In is the definition with its CUE evaluated by a runner, as foreign
// definitions are. Nothing that was compiled is shared.
func (d *Definition) In(runner program.Runner) *Definition {
	return &Definition{
		Kind: d.Kind, Name: d.Name, Version: d.Version, Revision: d.Revision, Archived: d.Archived, Foreign: d.Foreign, Description: d.Description,
		Labels: d.Labels, Annotations: d.Annotations, Deprecated: d.Deprecated, Workload: d.Workload, WorkloadType: d.WorkloadType, Reference: d.Reference,
		AppliesTo: d.AppliesTo, ConflictsWith: d.ConflictsWith, Stage: d.Stage, ManageWorkload: d.ManageWorkload, ControlPlaneOnly: d.ControlPlaneOnly, PodDisruptive: d.PodDisruptive, ManageHealthCheck: d.ManageHealthCheck, WorkloadRefPath: d.WorkloadRefPath,
		Template: d.Template, HealthPolicy: d.HealthPolicy, CustomStatus: d.CustomStatus, Details: d.Details, Notices: d.Notices, Digest: d.Digest,
		compiled: compiled{runner: runner},
	}
}

// title names the definition in messages.
func (d *Definition) title() string {
	return string(d.Kind) + " type \"" + d.Name + "\""
}
