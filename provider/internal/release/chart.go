// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package release

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"

	addonchart "github.com/fairlead-io/terraform-provider-fairlead/addon/chart"
)

// Values that have an attribute of their own, or that follow from the hub.
const (
	valueReplicas = "replicas"
	valueImage    = "image"
	valueOAM      = "oam"
	valueMode     = "mode"
)

// valueResources are the requests and limits of the manager.
const valueResources = "resources"

// Version returns the version of the chart that this binary installs.
func Version() (string, error) {
	loaded, err := load()
	if err != nil {
		return "", err
	}
	return loaded.Metadata.Version, nil
}

// Droppable returns the defaults of the chart below which a null drops one: those of
// the manager's requests and limits. The templates cannot do without any other, or
// take a guard that is absent for one that is switched off.
func Droppable() (map[string]any, error) {
	loaded, err := load()
	if err != nil {
		return nil, err
	}
	return map[string]any{valueResources: loaded.Values[valueResources]}, nil
}

// Validate checks values as the chart's schema does, without a hub. The error
// names the path of each value that does not fit.
func Validate(values map[string]any) error {
	if err := ownAttributes(values); err != nil {
		return err
	}
	loaded, err := load()
	if err != nil {
		return err
	}
	merged, err := chartutil.CoalesceValues(loaded, values)
	if err != nil {
		return fmt.Errorf("merging the values with the chart's: %w", err)
	}
	if err := chartutil.ValidateAgainstSchema(loaded, merged); err != nil {
		return errors.New(schemaProblems(err))
	}
	return nil
}

// ownAttributes refuses values that are set in another way.
func ownAttributes(values map[string]any) error {
	for _, name := range []string{valueImage, valueReplicas} {
		if _, ok := values[name]; ok {
			return fmt.Errorf("values.%s: use the attribute %s instead", name, name)
		}
	}
	if _, ok := values[valueOAM]; ok {
		return fmt.Errorf("values.%s: follows from the CRDs on the hub and cannot be set", valueOAM)
	}
	return nil
}

// schemaProblems keeps the lines of a schema error that name a value.
func schemaProblems(err error) string {
	var problems []string
	for line := range strings.Lines(err.Error()) {
		if problem, ok := strings.CutPrefix(strings.TrimSpace(line), "- "); ok {
			problems = append(problems, attributeAt(problem))
		}
	}
	if len(problems) == 0 {
		return "values: " + err.Error()
	}
	return strings.Join(problems, "; ")
}

// attributeAt begins a problem with the attribute, values.resources.limits, for
// where the schema finds it: at '/resources/limits'.
func attributeAt(problem string) string {
	rest, ok := strings.CutPrefix(problem, "at '")
	pointer, what, found := strings.Cut(rest, "': ")
	if !ok || !found {
		return "values: " + problem
	}
	return "values" + strings.ReplaceAll(pointer, "/", ".") + ": " + what
}

// load returns the embedded chart without its CRDs: they are applied on their
// own, and would only make the record of the release larger.
func load() (*chart.Chart, error) {
	files, err := addonchart.Files()
	if err != nil {
		return nil, err
	}
	var buffered []*loader.BufferedFile
	for _, file := range files {
		if strings.HasPrefix(file.Name, "crds/") {
			continue
		}
		buffered = append(buffered, &loader.BufferedFile{Name: file.Name, Data: file.Data})
	}
	loaded, err := loader.LoadFiles(buffered)
	if err != nil {
		return nil, fmt.Errorf("loading the embedded chart: %w", err)
	}
	return loaded, nil
}

// chartValues returns what the release is installed with.
func (o Options) chartValues(mode Mode) map[string]any {
	values := maps.Clone(o.Values)
	if values == nil {
		values = map[string]any{}
	}
	values[valueReplicas] = o.Replicas
	values[valueOAM] = map[string]any{valueMode: string(mode)}
	if o.Image != "" {
		values[valueImage] = o.Image
	}
	return values
}

// readValues takes apart what a release was installed with.
func (s *State) readValues(config map[string]any) {
	s.Values = map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(config)) {
		switch name {
		case valueReplicas:
			s.Replicas = integer(config[name])
		case valueImage:
			s.Image, _ = config[name].(string)
		case valueOAM:
		default:
			s.Values[name] = config[name]
		}
	}
}

// integer returns a number that went through JSON.
func integer(value any) int64 {
	switch number := value.(type) {
	case float64:
		return int64(number)
	case int64:
		return number
	case int:
		return int64(number)
	}
	return 0
}
