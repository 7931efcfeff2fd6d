// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"maps"

	"k8s.io/client-go/util/jsonpath"
	workv1 "open-cluster-management.io/api/work/v1"
)

// rolloutStages is how many states a Deployment goes through: made, observed with pods that start, ready. With Applied these
// are the four status writes of OCM's agent.
const rolloutStages = 3

// at is the object as it is on the cluster at a stage of its rollout. What has no rollout is the same at all stages.
func (m manifest) at(stage int, generation int64) map[string]any {
	object := maps.Clone(m)
	metadata, _ := m["metadata"].(map[string]any)
	metadata = maps.Clone(metadata)
	metadata["generation"] = generation
	object["metadata"] = metadata
	if m["kind"] != "Deployment" || stage == 0 {
		return object
	}
	replicas := int64(1)
	spec, _ := m["spec"].(map[string]any)
	if given, ok := spec["replicas"].(float64); ok {
		replicas = int64(given)
	}
	status := map[string]any{"observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas}
	object["status"] = status
	if stage < rolloutStages-1 {
		status["unavailableReplicas"] = replicas
		return object
	}
	status["readyReplicas"], status["availableReplicas"] = replicas, replicas
	status["conditions"] = []any{
		map[string]any{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"},
		map[string]any{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
	}
	return object
}

// feedback evaluates what is asked for as OCM's agent does: the first match of each path, what does not match left out.
func feedback(object map[string]any, rules []workv1.JsonPath) ([]workv1.FeedbackValue, error) {
	values := []workv1.FeedbackValue{}
	for _, rule := range rules {
		path := jsonpath.New(rule.Name).AllowMissingKeys(true)
		if err := path.Parse("{" + rule.Path + "}"); err != nil {
			return nil, fmt.Errorf("feedback %s: %w", rule.Path, err)
		}
		results, err := path.FindResults(object)
		if err != nil {
			return nil, fmt.Errorf("feedback %s: %w", rule.Path, err)
		}
		if len(results) == 0 || len(results[0]) == 0 || results[0][0].Interface() == nil {
			continue
		}
		value, err := fieldValue(results[0][0].Interface())
		if err != nil {
			return nil, fmt.Errorf("feedback %s: %w", rule.Path, err)
		}
		values = append(values, workv1.FeedbackValue{Name: rule.Name, Value: value})
	}
	return values, nil
}

// fieldValue is a value in the form of a work's status. The agent reports no lists and no maps.
func fieldValue(value any) (workv1.FieldValue, error) {
	switch typed := value.(type) {
	case int64:
		return workv1.FieldValue{Type: workv1.Integer, Integer: &typed}, nil
	case float64:
		whole := int64(typed)
		return workv1.FieldValue{Type: workv1.Integer, Integer: &whole}, nil
	case string:
		return workv1.FieldValue{Type: workv1.String, String: &typed}, nil
	case bool:
		return workv1.FieldValue{Type: workv1.Boolean, Boolean: &typed}, nil
	}
	return workv1.FieldValue{}, fmt.Errorf("a %T cannot be fed back", value)
}
