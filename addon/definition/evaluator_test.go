// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package definition_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition/program"
)

// remote passes everything through JSON, as another process would.
type remote struct{ runner program.Runner }

func (r remote) Run(source program.Source, inputs map[string]any, wanted []string) (map[string]any, error) {
	return r.runner.Run(source, inputs, wanted)
}

func (r remote) Describe(source program.Source) (*program.Description, error) {
	d, err := r.runner.Describe(source)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	out := &program.Description{}
	return out, json.Unmarshal(raw, out)
}

// TestInRunner wants a definition to behave the same wherever its CUE is evaluated.
func TestInRunner(t *testing.T) {
	for _, kind := range []definition.Kind{definition.Component, definition.Trait} {
		for _, name := range definition.Builtin().Names(kind) {
			t.Run(string(kind)+"/"+name, func(t *testing.T) {
				here, err := definition.Builtin().Lookup(kind, name)
				if err != nil {
					t.Fatal(err)
				}
				there := here.In(remote{definition.NewEvaluator(16)})
				if diff := cmp.Diff(here, there, cmpopts.IgnoreUnexported(definition.Definition{})); diff != "" {
					t.Errorf("the definition itself -here +there:\n%s", diff)
				}
				if diff := cmp.Diff(here.ParameterPaths(), there.ParameterPaths()); diff != "" {
					t.Errorf("parameters -here +there:\n%s", diff)
				}
				wrong := map[string]any{"image": int64(1), "unknown": true, "exposeType": "x", "replicas": int64(-1), "cpu": "much"}
				if diff := cmp.Diff(here.Validate(wrong, "p"), there.Validate(wrong, "p")); diff != "" {
					t.Errorf("findings -here +there:\n%s", diff)
				}
				for _, input := range []string{"context", "parameter"} {
					want, wantErr := here.Program(definition.TemplatePart).Accesses(input)
					got, gotErr := there.Program(definition.TemplatePart).Accesses(input)
					if wantErr != nil || gotErr != nil {
						t.Fatal(wantErr, gotErr)
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("accesses of %s -here +there:\n%s", input, diff)
					}
				}
				for _, field := range []string{"patch", "patchOutputs"} {
					want, _ := here.Program(definition.TemplatePart).Markers(field)
					got, _ := there.Program(definition.TemplatePart).Markers(field)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("markers of %s -here +there:\n%s", field, diff)
					}
				}
			})
		}
	}
}
