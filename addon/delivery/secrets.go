// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/api/v1alpha1"
	"github.com/fairlead-io/terraform-provider-fairlead/addon/render"
)

// maxSecrets bounds how many Secrets an application has.
const maxSecrets = 64

// Secrets are those in the application's namespace that belong to it.
type Secrets struct {
	// names are as in the annotation: a name, or environment/name.
	names map[string]bool
	// read reads one by its name. The text says what a person has to change; it
	// holds nothing of the Secret.
	read func(name string) (object map[string]any, problem string, err error)
}

// ErrSecrets is an annotation that lists no Secrets.
var ErrSecrets = errors.New("must be a JSON object from names of Secrets to digests, as fairlead_application writes it")

// NewSecrets reads what the annotation of an application lists; nil when there is
// nothing. read is asked for those that are delivered.
func NewSecrets(annotations map[string]string, read func(name string) (map[string]any, string, error)) (*Secrets, error) {
	text, ok := annotations[v1alpha1.AnnotationSecrets]
	if !ok || text == "" {
		return nil, nil
	}
	var digests map[string]string
	if err := json.Unmarshal([]byte(text), &digests); err != nil {
		return nil, ErrSecrets
	}
	if len(digests) > maxSecrets {
		return nil, fmt.Errorf("lists %d Secrets, at most %d are delivered", len(digests), maxSecrets)
	}
	s := &Secrets{names: map[string]bool{}, read: read}
	for name := range digests {
		s.names[name] = true
	}
	return s, nil
}

// SecretNames are the names, in the application's namespace, of the Secrets that the
// annotation of an application lists: those that are valid, sorted. ok is false where it
// lists none.
func SecretNames(annotations map[string]string) (names []string, ok bool) {
	var digests map[string]string
	if json.Unmarshal([]byte(annotations[v1alpha1.AnnotationSecrets]), &digests) != nil || len(digests) == 0 {
		return nil, false
	}
	for key := range digests {
		environment, name, in := strings.Cut(key, "/")
		if !in {
			environment, name = "", key
		}
		if name = v1alpha1.SecretName(environment, name); len(validation.IsDNS1123Subdomain(name)) == 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), true
}

// of is the name, in the application's namespace, of the Secret that an
// environment has under a name; empty when it is none of the application's.
func (s *Secrets) of(environment, name string) string {
	switch {
	case s.names[environment+"/"+name]:
		return v1alpha1.SecretName(environment, name)
	case s.names[name]:
		return name
	}
	return ""
}

// addSecrets adds to the units of each place the Secrets of the application that
// they refer to: to the first one that does, in the order of dependency, so that
// no two of them make the same Secret. One that cannot be had keeps its
// environment as it is.
func (p *Plan) addSecrets(request Request) error {
	if request.Secrets == nil {
		return nil
	}
	given := map[Place]map[string]bool{}
	problems := map[string]string{}
	for _, i := range inOrder(p.Units) {
		unit := &p.Units[i]
		if given[unit.Place] == nil {
			given[unit.Place] = map[string]bool{}
		}
		problem, err := p.addSecretsTo(unit, request, given[unit.Place])
		if err != nil {
			return err
		}
		if problem != "" && problems[unit.Place.Environment] == "" {
			problems[unit.Place.Environment] = fmt.Sprintf("%s: component %q: %s", unit.Place, unit.Component, problem)
		}
	}
	for _, environment := range slices.Sorted(maps.Keys(problems)) {
		p.exclude(environment)
		p.problem(Problem{Reason: render.ReasonReferenceNotFound, Message: problems[environment]})
	}
	return nil
}

// addSecretsTo adds to a unit what no other unit of its place has been given.
func (p *Plan) addSecretsTo(unit *Unit, request Request, given map[string]bool) (problem string, err error) {
	for _, name := range unit.Result.SecretsReferred() {
		source := request.Secrets.of(unit.Place.Environment, name)
		if source == "" || given[name] || unit.makes(name) || isHome(unit.Place, request.Owner, source, name) {
			continue
		}
		if len(validation.IsDNS1123Subdomain(source)) > 0 {
			return fmt.Sprintf("%q, which the application lists, is no name of a Secret", source), nil
		}
		object, problem, err := request.Secrets.read(source)
		if err != nil || problem != "" {
			return problem, err
		}
		if problem := notOf(object, request.Owner, source); problem != "" {
			return problem, nil
		}
		given[name] = true
		unit.Result = unit.Result.WithSecret(name, object)
		p.wanted[unitKey{unit.Place, unit.Component}] = unit.Result
	}
	return "", nil
}

// makes says whether the component makes a Secret of that name itself.
func (u Unit) makes(name string) bool {
	return slices.ContainsFunc(u.Result.Objects, func(o render.Object) bool {
		return o.GroupVersionKind().Kind == "Secret" && o.Name() == name
	})
}

// isHome says that the Secret is in its place: in the application's own namespace
// on the hub, where it stays whose it is.
func isHome(place Place, owner Owner, source, name string) bool {
	return place.Cluster == v1alpha1.LocalCluster && place.Namespace == owner.Namespace && source == name
}

// SecretOf is the application that an object came with, if it is a Secret; empty for
// anything else.
func SecretOf(object map[string]any) string {
	if object["kind"] != "Secret" {
		return ""
	}
	metadata, _ := object["metadata"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	of, _ := labels[v1alpha1.LabelSecretOf].(string)
	return of
}

// notOf says why a Secret is not delivered for an application: who may write
// applications may not read Secrets by naming them.
func notOf(object map[string]any, owner Owner, name string) string {
	if SecretOf(object) == owner.Name {
		return ""
	}
	return fmt.Sprintf("Secret %q in namespace %q is not labelled %s=%s: it is not the application's, and is not delivered",
		name, owner.Namespace, v1alpha1.LabelSecretOf, owner.Name)
}
