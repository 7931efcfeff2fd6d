// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"testing"

	"k8s.io/apimachinery/pkg/labels"
)

func TestSelection(t *testing.T) {
	cluster := Cluster{Name: "eu-1", Labels: map[string]string{"region": "eu", SetLabel: "production"}, Available: true}
	set := func(name string) labels.Selector { return labels.SelectorFromSet(labels.Set{SetLabel: name}) }
	tests := map[string]struct {
		reason    string
		selection Selection
		sets      []labels.Selector
		want      bool
	}{
		"Everything":    {"what is empty selects all", Selection{}, nil, true},
		"Name":          {"it is named", Selection{Names: []string{"eu-1", "eu-2"}}, nil, true},
		"OtherName":     {"another one is named", Selection{Names: []string{"eu-10"}}, nil, false},
		"Set":           {"it is in one of the sets", Selection{}, []labels.Selector{set("staging"), set("production")}, true},
		"OtherSet":      {"it is in none of the sets", Selection{}, []labels.Selector{set("staging")}, false},
		"Global":        {"a set of all clusters has it", Selection{}, []labels.Selector{labels.Everything()}, true},
		"Labels":        {"it has the label", Selection{Labels: labels.SelectorFromSet(labels.Set{"region": "eu"})}, nil, true},
		"OtherLabels":   {"its label has another value", Selection{Labels: labels.SelectorFromSet(labels.Set{"region": "us"})}, nil, false},
		"Available":     {"it is available", Selection{Available: true}, nil, true},
		"NameAndLabels": {"all must hold", Selection{Names: []string{"eu-1"}, Labels: labels.SelectorFromSet(labels.Set{"region": "us"})}, nil, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.selection.selects(cluster, test.sets); got != test.want {
				t.Errorf("%s: selected %t, want %t", test.reason, got, test.want)
			}
		})
	}
	cluster.Available = false
	if (Selection{Available: true}).selects(cluster, nil) {
		t.Error("a cluster that is away is selected")
	}
}
