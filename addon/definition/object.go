// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"cuelang.org/go/cue/parser"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// The kinds of Kubernetes objects that hold definitions.
const (
	componentObject = "ComponentDefinition"
	traitObject     = "TraitDefinition"
	policyObject    = "PolicyDefinition"
	stepObject      = "WorkflowStepDefinition"
	revisionObject  = "DefinitionRevision"
)

// descriptionAnnotation holds the sentence that describes a type.
const descriptionAnnotation = "definition.oam.dev/description"

// manifest is what the objects of all kinds of definitions have, as far as it counts here.
type manifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name        string            `json:"name"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Spec struct {
		Workload           v1beta1.WorkloadTypeDescriptor `json:"workload"`
		Reference          v1beta1.DefinitionReference    `json:"definitionRef"`
		AppliesToWorkloads []string                       `json:"appliesToWorkloads"`
		ConflictsWith      []string                       `json:"conflictsWith"`
		PodDisruptive      bool                           `json:"podDisruptive"`
		WorkloadRefPath    string                         `json:"workloadRefPath"`
		Stage              v1beta1.StageType              `json:"stage"`
		ManageWorkload     bool                           `json:"manageWorkload"`
		ControlPlaneOnly   bool                           `json:"controlPlaneOnly"`
		ManageHealthCheck  bool                           `json:"manageHealthCheck"`
		Scope              string                         `json:"scope"`
		Status             *v1beta1.Status                `json:"status"`
		Schematic          *v1beta1.Schematic             `json:"schematic"`
		Version            string                         `json:"version"`
	} `json:"spec"`
	Status v1beta1.DefinitionStatus `json:"status"`
}

// IsObject says whether a Kubernetes object holds a definition.
func IsObject(object map[string]any) bool {
	group, _, _ := strings.Cut(text(object["apiVersion"]), "/")
	kind := text(object["kind"])
	return group == v1beta1.GroupVersion.Group && (kindOfObject(kind) != "" || kind == revisionObject)
}

// kindOfObject is the kind of definition that a kind of objects holds; "" for others.
func kindOfObject(kind string) Kind {
	switch kind {
	case componentObject:
		return Component
	case traitObject:
		return Trait
	case policyObject:
		return Policy
	case stepObject:
		return WorkflowStep
	}
	return ""
}

// FromObject reads a definition out of the Kubernetes object that holds it: a
// ComponentDefinition, TraitDefinition, PolicyDefinition or
// WorkflowStepDefinition, or a DefinitionRevision, which keeps an earlier one.
// Templates in other languages than CUE are refused.
func FromObject(object map[string]any) (*Definition, error) {
	d, err := readObject(object)
	if err != nil {
		return nil, err
	}
	if err := d.complete(); err != nil {
		return nil, fmt.Errorf("read %s %q: %w", text(object["kind"]), nameOf(object), err)
	}
	return d, nil
}

// FromObjectIn is FromObject for an object that is not to be trusted: its CUE is
// not even parsed here, but all left to the runner.
func FromObjectIn(runner program.Runner, object map[string]any) (*Definition, error) {
	d, err := readObject(object)
	if err != nil {
		return nil, err
	}
	d.Digest = d.digest()
	return d.In(runner), nil
}

// readObject reads what the object says, and leaves its CUE alone.
func readObject(object map[string]any) (*Definition, error) {
	if !IsObject(object) {
		return nil, fmt.Errorf("%s %q holds no definition; use %s, %s, %s, %s or %s of %s", text(object["kind"]), nameOf(object),
			componentObject, traitObject, policyObject, stepObject, revisionObject, v1beta1.GroupVersion)
	}
	if text(object["apiVersion"]) != v1beta1.GroupVersion.String() {
		return nil, fmt.Errorf("%s %q has the apiVersion %q; write it as %q", text(object["kind"]), nameOf(object), text(object["apiVersion"]), v1beta1.GroupVersion)
	}
	read := fromManifest
	if text(object["kind"]) == revisionObject {
		read = fromArchive
	}
	d, err := read(object)
	if err != nil {
		return nil, fmt.Errorf("read %s %q: %w", text(object["kind"]), nameOf(object), err)
	}
	return d, nil
}

// keptIn is the definition that a DefinitionRevision keeps, and its kind of objects.
func keptIn(object map[string]any) (string, map[string]any) {
	spec, _ := object["spec"].(map[string]any)
	for field, kind := range map[string]string{
		"componentDefinition": componentObject, "traitDefinition": traitObject, "policyDefinition": policyObject, "workflowStepDefinition": stepObject,
	} {
		// The existing implementation writes the three that do not apply too, without a name.
		kept, _ := spec[field].(map[string]any)
		if nameOf(kept) != "" {
			return kind, kept
		}
	}
	return "", nil
}

func fromManifest(object map[string]any) (*Definition, error) {
	var m manifest
	if err := decodeObject(object, &m); err != nil {
		return nil, err
	}
	if m.Metadata.Name == "" {
		return nil, fmt.Errorf("metadata.name is missing")
	}
	if err := checkScope(kindOfObject(m.Kind), m.Spec.Scope); err != nil {
		return nil, err
	}
	template, err := templateOf(m.Spec.Schematic)
	if err != nil {
		return nil, err
	}
	d := &Definition{
		Kind:              kindOfObject(m.Kind),
		Name:              m.Metadata.Name,
		Version:           m.Spec.Version,
		Foreign:           true,
		Description:       m.Metadata.Annotations[descriptionAnnotation],
		Labels:            m.Metadata.Labels,
		Deprecated:        isDeprecated(m.Metadata.Labels),
		Workload:          m.Spec.Workload.Definition,
		WorkloadType:      m.Spec.Workload.Type,
		Reference:         m.Spec.Reference.Name,
		AppliesTo:         m.Spec.AppliesToWorkloads,
		ConflictsWith:     m.Spec.ConflictsWith,
		Stage:             m.Spec.Stage,
		ManageWorkload:    m.Spec.ManageWorkload,
		ControlPlaneOnly:  m.Spec.ControlPlaneOnly,
		PodDisruptive:     m.Spec.PodDisruptive,
		ManageHealthCheck: m.Spec.ManageHealthCheck,
		WorkloadRefPath:   m.Spec.WorkloadRefPath,
		Template:          template,
	}
	if latest := m.Status.LatestRevision; latest != nil {
		d.Revision = latest.Revision
	}
	if s := m.Spec.Status; s != nil {
		d.HealthPolicy, d.CustomStatus, d.Details = s.HealthPolicy, s.CustomStatus, s.Details
	}
	return d, nil
}

// fromArchive reads an earlier revision, which a type is only by its version.
func fromArchive(object map[string]any) (*Definition, error) {
	var a struct {
		Spec struct {
			Revision int64 `json:"revision"`
		} `json:"spec"`
	}
	if err := decodeObject(object, &a); err != nil {
		return nil, err
	}
	kind, kept := keptIn(object)
	if kind == "" {
		return nil, fmt.Errorf("it keeps no definition")
	}
	kept = maps.Clone(kept)
	kept["apiVersion"], kept["kind"] = v1beta1.GroupVersion.String(), kind
	d, err := fromManifest(kept)
	if err != nil {
		return nil, err
	}
	d.Revision, d.Archived = a.Spec.Revision, true
	return d, nil
}

// checkScope refuses policies that change the application itself instead of
// making objects.
func checkScope(kind Kind, scope string) error {
	if kind != Policy || scope == "" {
		return nil
	}
	return fmt.Errorf("the scope %q is not supported: policies make objects here and do not change the application; leave scope out, and change components by a policy of the type override", scope)
}

// templateOf is the CUE template, or why there is none.
func templateOf(s *v1beta1.Schematic) (string, error) {
	switch {
	case s == nil:
		return "", fmt.Errorf("spec.schematic is missing; write the template as spec.schematic.cue.template")
	case s.CUE != nil && strings.TrimSpace(s.CUE.Template) != "":
		return s.CUE.Template, nil
	case s.Terraform != nil:
		return "", fmt.Errorf("spec.schematic.terraform is not supported: declare the cloud resource as a Terraform resource or module in the configuration that has the application, and refer to its attributes in the properties")
	case s.HELM != nil:
		return "", fmt.Errorf("spec.schematic.helm is not supported: write a CUE template, or use a component of the type helmchart")
	case s.KUBE != nil:
		return "", fmt.Errorf("spec.schematic.kube is not supported: write a CUE template, or use a component of the type k8s-objects")
	}
	return "", fmt.Errorf("spec.schematic.cue.template is empty; write the template there")
}

// complete fills in what follows from the rest, and refuses what cannot be run.
func (d *Definition) complete() error {
	for _, p := range []struct {
		part   Part
		source *string
	}{{TemplatePart, &d.Template}, {HealthPart, &d.HealthPolicy}, {StatusPart, &d.CustomStatus}, {DetailsPart, &d.Details}} {
		ready, notices, err := accept(d.Kind, p.part, *p.source)
		if err != nil {
			return err
		}
		*p.source = ready
		d.Notices = append(d.Notices, notices...)
	}
	d.Digest = d.digest()
	return nil
}

// accept makes source that was written for an older CUE fit for the one of
// today, and refuses packages that act while a template is evaluated. Steps of
// workflows are made of them.
func accept(kind Kind, part Part, source string) (string, []Notice, error) {
	if err := checkSource(source); err != nil {
		return "", nil, fmt.Errorf("read %s: %w", cmp.Or(string(part), "the source"), err)
	}
	if err := checkImports(kind, part, source); err != nil {
		return "", nil, err
	}
	ready, notices := modernize(part, source)
	return ready, notices, nil
}

func checkImports(kind Kind, part Part, source string) error {
	if kind == WorkflowStep {
		return nil
	}
	file, err := parser.ParseFile(string(part), source, parser.ImportsOnly)
	if err != nil {
		// Running it says what is wrong.
		return nil
	}
	for spec := range file.ImportSpecs() {
		path := strings.Trim(spec.Path.Value, `"`)
		if strings.HasPrefix(path, velaPackages) {
			return fmt.Errorf("line %d of %s imports %q, which is not supported in a %s: %s", spec.Pos().Line(), part, path, kind, instead(path))
		}
	}
	return nil
}

// velaPackages are the packages that the existing implementation adds to CUE.
const velaPackages = "vela/"

// instead says what does the work of a package that is not there.
func instead(path string) string {
	switch path {
	case "vela/base64":
		return `use the package "encoding/base64" of CUE`
	case "vela/cue":
		return "use a trait with patch, and the markers +patchKey and +patchStrategy"
	case "vela/helm":
		return "use a component of the type helmchart"
	}
	return "objects are made of properties and context alone; give what it fetches as properties, or remove the import if it is not used"
}

// decodeObject reads an object into a type by way of JSON.
func decodeObject(object map[string]any, into any) error {
	raw, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("encode it: %w", err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("decode it: %w", err)
	}
	return nil
}

func nameOf(object map[string]any) string {
	metadata, _ := object["metadata"].(map[string]any)
	return text(metadata["name"])
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
