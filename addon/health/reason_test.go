// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/definition"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/health"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

func conditionOf(of, status, reason, message string) object {
	return object{"type": of, "status": status, "reason": reason, "message": message}
}

// TestReasons checks that what CUE says of a component is followed by the
// conditions that explain it, alike over whole objects and over feedback.
func TestReasons(t *testing.T) {
	exceeded := conditionOf("Progressing", "False", "ProgressDeadlineExceeded", "timed out")
	quota := conditionOf("ReplicaFailure", "True", "FailedCreate", "exceeded\x1b[31m\nquota\u202e: pods=10")
	few := conditionOf("Available", "False", "MinimumReplicasUnavailable", "few")
	tests := []struct {
		name, reason string
		kind         string
		status       object
		want         string
	}{
		{"replica failure", "the message is what the API server said, made fit to read", "webservice", object{"conditions": list{few, quota}}, "Ready:0/1; ReplicaFailure: FailedCreate: exceeded[31m quota: pods=10"},
		{"deadline", "both are told", "worker", object{"conditions": list{exceeded, quota}}, "Ready:0/1; ProgressDeadlineExceeded: its rollout has not progressed in time; ReplicaFailure: FailedCreate: exceeded[31m quota: pods=10"},
		{"unavailable", "nothing says more", "webservice", object{"conditions": list{few}}, "Ready:0/1; Available: MinimumReplicasUnavailable"},
		{"over", "a failure that is over explains nothing", "webservice", object{"conditions": list{conditionOf("ReplicaFailure", "False", "FailedCreate", "no")}}, "Ready:0/1"},
		{"none", "there are no conditions", "webservice", object{}, "Ready:0/1"},
		{
			"healthy", "what is well needs no reason", "webservice",
			object{"replicas": int64(1), "updatedReplicas": int64(1), "readyReplicas": int64(1), "availableReplicas": int64(1), "conditions": list{few}}, "Ready:1/1",
		},
		{
			"job", "a job that failed", "task", object{"failed": int64(3), "conditions": list{conditionOf("Failed", "True", "BackoffLimitExceeded", "Job has reached the limit")}},
			"Active/Failed/Succeeded:0/3/0; Failed: BackoffLimitExceeded: Job has reached the limit",
		},
		{"wrong types", "what a cluster made up is not taken for a condition", "webservice", object{"conditions": list{object{"type": "ReplicaFailure", "status": true, "reason": int64(1)}}}, "Ready:0/1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := rendered(t, definition.Builtin(), render.Component{Name: "c", Type: test.kind, Properties: object{"image": "nginx"}})
			test.status["observedGeneration"] = int64(1)
			state := observation{Output: object{"metadata": object{"generation": int64(1)}, "status": test.status}}
			full, fed := both(t, observe(r, state))
			if diff := cmp.Diff(test.want, full.Message); diff != "" {
				t.Errorf("since %s (-want +got):\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(full, fed); diff != "" {
				t.Errorf("-whole +feedback:\n%s", diff)
			}
		})
	}
}

// TestReasonsAreBounded checks that a reason takes no more room than a message has.
func TestReasonsAreBounded(t *testing.T) {
	r := rendered(t, definition.Builtin(), render.Component{Name: "c", Type: "webservice", Properties: object{"image": "nginx"}})
	long := conditionOf("ReplicaFailure", "True", strings.Repeat("a", 4000), strings.Repeat("\u00e9", 2000))
	state := observation{Output: object{"metadata": object{"generation": int64(1)}, "status": object{"observedGeneration": int64(1), "conditions": list{long}}}}
	got, err := health.Evaluate(observe(r, state))
	if err != nil || len(got.Message) > 1024 || got.Healthy {
		t.Errorf("a message of %d bytes, %v", len(got.Message), err)
	}
}
