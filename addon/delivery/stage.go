// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1beta1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/policy"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// turn is a part of a unit's delivery: the objects of some stages wait.
type turn struct{ waiting []v1beta1.StageType }

// turns are those of a unit, the last of which delivers all of it. A unit
// without stages has one turn.
func turns(unit Unit) []turn {
	var out []turn
	if hasStage(unit, v1beta1.PreDispatch) {
		out = append(out, turn{[]v1beta1.StageType{"", v1beta1.DefaultDispatch, v1beta1.PostDispatch}})
	}
	if hasStage(unit, v1beta1.PostDispatch) {
		out = append(out, turn{[]v1beta1.StageType{v1beta1.PostDispatch}})
	}
	return append(out, turn{})
}

func hasStage(unit Unit, stage v1beta1.StageType) bool {
	return slices.ContainsFunc(unit.Result.Objects, func(o render.Object) bool { return o.Stage == stage })
}

// deliverStaged delivers the objects of a unit in the order of their stages: the
// early ones, when they are applied the workload, and when that is healthy the
// late ones. What is there already is not taken away when the workload becomes
// unhealthy later: it stays wanted, and is changed with the rest.
func (e *Engine) deliverStaged(ctx context.Context, unit Unit) (Observation, error) {
	all := turns(unit)
	target := e.target(unit.Place.Cluster)
	if len(all) == 1 {
		return target.Deliver(ctx, unit)
	}
	standing, err := target.Standing(ctx, unit)
	if err != nil {
		return Observation{}, fmt.Errorf("look for what is delivered already: %w", err)
	}
	for id := range e.memory.objects(unit) {
		standing[id] = true // which no cache may show yet
	}
	for i, turn := range all {
		part, later := turn.of(unit, standing)
		if len(later) > 0 && (len(part.Result.Objects) == 0 || all[i+1].same(unit, standing, part)) {
			continue
		}
		observation, err := target.Deliver(ctx, part)
		if !errors.Is(err, ErrPaused) {
			e.memory.add(unit, part.Result.Objects) // it was written, or may have been
		}
		if err != nil || observation.State != Delivered {
			return observation, err
		}
		if len(later) == 0 {
			return observation, nil
		}
		observation = withLater(observation, later)
		if i == len(all)-2 && hasStage(unit, v1beta1.PostDispatch) && !workloadHealthy(unit, observation) {
			return observation, nil
		}
	}
	return Observation{}, fmt.Errorf("component %q has a stage that never comes", unit.Component)
}

// workloadHealthy says that the workload is healthy, whatever the traits are. What
// cannot be judged is not: why is said when the unit is judged as a whole.
func workloadHealthy(unit Unit, observation Observation) bool {
	verdict, err := judge(unit, observation)
	return err == nil && verdict.WorkloadHealthy
}

// of is the part of a unit whose turn it is, with what is there already, and the
// objects that wait.
func (t turn) of(unit Unit, standing map[string]bool) (part Unit, later []render.Object) {
	result := *unit.Result
	result.Objects = nil
	part = unit
	part.Treatments = []policy.Treatment{}
	for i, object := range unit.Result.Objects {
		if slices.Contains(t.waiting, object.Stage) && !standing[idOf(object)] {
			later = append(later, object)
			continue
		}
		result.Objects = append(result.Objects, object)
		part.Treatments = append(part.Treatments, unit.Treatment(i))
	}
	part.Result = &result
	return part, later
}

// same says that the turn delivers no more than a part that comes before it.
func (t turn) same(unit Unit, standing map[string]bool, earlier Unit) bool {
	part, _ := t.of(unit, standing)
	return len(part.Result.Objects) == len(earlier.Result.Objects)
}

func idOf(object render.Object) string {
	return ObjectID(object.GroupVersionKind().GroupKind(), object.Namespace(), object.Name())
}

// withLater adds the objects that wait to what was observed: as such that do not exist yet.
func withLater(observation Observation, later []render.Object) Observation {
	observation.Later = true
	outputs := maps.Clone(observation.Outputs)
	if outputs == nil {
		outputs = map[string]map[string]any{}
	}
	for _, object := range later {
		if object.Resource != "" {
			outputs[object.Resource] = nil
		}
	}
	observation.Outputs = outputs
	return observation
}
