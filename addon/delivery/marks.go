// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import "strings"

// Marks of delivered objects. What is known of an object when its application
// has it no longer, or is gone, is what it carries.
const (
	// LabelLeft stands in the place of the label of the owner's UID on an object
	// that was left where it is. Its value is that UID.
	LabelLeft = "fairlead.dev/left"
	// AnnotationRemoval is when the object is removed, where that is not the usual for its kind.
	AnnotationRemoval = "fairlead.dev/removal"
	// AnnotationPropagation is what becomes of what the object owns, where a policy says it.
	AnnotationPropagation = "fairlead.dev/propagation"
	// AnnotationDependsOn lists the components that the object's component depends on, with
	// commas between them, where a policy asks for removal in that order.
	AnnotationDependsOn = "fairlead.dev/depends-on"
	// AnnotationHeld lists the fields of the object that are left to others, each with the
	// digest of the value that was written last.
	AnnotationHeld = "fairlead.dev/held"
	// AnnotationRecreate lists the fields whose change makes the object anew, each with the
	// digest of the value that it was made with.
	AnnotationRecreate = "fairlead.dev/recreate"
	// AnnotationSharedBy lists the applications that share an object, as namespace/name with
	// commas between them, the one that writes it first. The key is that of the existing
	// OAM implementation.
	AnnotationSharedBy = "app.oam.dev/shared-by"
)

// SplitNeeds is the reverse of how components are listed in AnnotationDependsOn.
func SplitNeeds(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
}
