// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package refusal

import "regexp"

// OfSecretHidden stands for an answer about a Secret that may hold values of it.
const OfSecretHidden = "the answer is not shown, since it may hold values of the Secret: check type, data and stringData, whether the Secret is " +
	"immutable, and what policies and webhooks ask of it"

// ofSecret are the answers about a Secret that hold none of its values, whole: of authorization, of a namespace that goes and of a
// conflict, and what the agent of a cluster says before it asks.
var ofSecret = regexp.MustCompile(`^(?:Failed to apply manifest: )?(?:` +
	`secrets(?: "[a-z0-9.-]*")? is forbidden: User "[\w.:@/-]+" cannot [a-z]+ resource "secrets" in API group ""(?: in the namespace "[a-z0-9-]+")?(?:: RBAC: (?:cluster)?role\.rbac\.authorization\.k8s\.io "[\w.:-]+" not found)?` +
	`|secrets "[a-z0-9.-]+" is forbidden: unable to create new content in namespace [a-z0-9-]+ because it is being terminated` +
	`|Operation cannot be fulfilled(?: on secrets "[a-z0-9.-]+")?: the object has been modified; please apply your changes to the latest version and try again` +
	`|not allowed to apply the resource  secrets, [a-z0-9-]+ [a-z0-9.-]+(?:, will try again in [0-9hms.]+)?` +
	`)$`)

// OfSecret is what is said of a Secret that is refused, where it is of a form that holds no values. Everything else may quote some:
// policies, webhooks and plugins use words of their own.
func OfSecret(message string) string {
	if ofSecret.MatchString(message) {
		return message
	}
	return OfSecretHidden
}
