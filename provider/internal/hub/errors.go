// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package hub

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sort"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairlead-io/terraform-provider-fairlead/addon/refusal"
)

// Reason is the class of a failure.
type Reason string

// The classes of failures.
const (
	// Unreachable: there was no answer.
	Unreachable Reason = "Unreachable"
	// Untrusted: the server's certificate could not be verified.
	Untrusted Reason = "Untrusted"
	// Unauthorized: the hub does not know the credential.
	Unauthorized Reason = "Unauthorized"
	// Forbidden: the credential may not do this.
	Forbidden Reason = "Forbidden"
	// KindMissing: the hub does not serve the kind.
	KindMissing Reason = "KindMissing"
	// NamespaceMissing: the namespace does not exist.
	NamespaceMissing Reason = "NamespaceMissing"
	// NotFound: the object does not exist.
	NotFound Reason = "NotFound"
	// Conflict: another field manager owns a field.
	Conflict Reason = "Conflict"
	// Invalid: the hub refuses the object.
	Invalid Reason = "Invalid"
	// Outdated: the addon on the hub does not know a field of the object.
	Outdated Reason = "Outdated"
	// Exhausted: a quota of the namespace is used up.
	Exhausted Reason = "Exhausted"
	// Terminating: the namespace, or the object itself, is being deleted.
	Terminating Reason = "Terminating"
	// NoDryRun: a webhook cannot tell without a write what it would say.
	NoDryRun Reason = "NoDryRun"
	// Canceled: the caller gave up.
	Canceled Reason = "Canceled"
	// TimedOut: it took longer than it may.
	TimedOut Reason = "TimedOut"
	// Failed: anything else.
	Failed Reason = "Failed"
)

// Error is a failure of a request to the hub. Summary is constant for a Reason,
// so that engines can fold equal warnings; Detail says what was attempted, why
// it failed and what can be done. It unwraps to the cause: the predicates of
// package apierrors work on it.
type Error struct {
	Reason  Reason
	Summary string
	Detail  string
	// Fields are paths of fields that the hub refused or that conflict.
	Fields []string
	// told is what the hub itself said, a part of Detail; it may quote what was sent.
	told  string
	cause error
	// strict says that the user wants an error wherever the hub cannot be asked.
	strict bool
}

// Failure is a failure of another library that uses this client's configuration. Whether
// it may be passed over is decided as for the client's own.
func (c *Client) Failure(reason Reason, summary, detail string) *Error {
	return &Error{Reason: reason, Summary: summary, Detail: detail, strict: c.strict}
}

// Error returns the summary and the detail.
func (e *Error) Error() string { return e.Summary + ": " + e.Detail }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Masked returns the error with what the hub itself said as mask makes it: a
// policy or a webhook may quote values of the object that it refuses.
func (e *Error) Masked(mask func(told string) string) *Error {
	if e.told == "" {
		return e
	}
	masked := *e
	masked.told = mask(e.told)
	masked.Detail = strings.Replace(e.Detail, e.told, masked.told, 1)
	return &masked
}

// ReasonOf returns the class of the error, Failed if it is not an *Error.
func ReasonOf(err error) Reason {
	var failure *Error
	if errors.As(err, &failure) {
		return failure.Reason
	}
	return Failed
}

// ButUntried returns the error of a dry run, and nil where a webhook kept the hub from
// answering one: then only the write tells whether the hub takes the object.
func ButUntried(err error) error {
	if ReasonOf(err) == NoDryRun {
		return nil
	}
	return err
}

// IsNoMatch says whether the hub does not serve the kind.
func IsNoMatch(err error) bool { return ReasonOf(err) == KindMissing }

// IsNotFound says whether the object, or its kind, does not exist.
func IsNotFound(err error) bool {
	reason := ReasonOf(err)
	return reason == NotFound || reason == KindMissing || reason == NamespaceMissing || apierrors.IsNotFound(err)
}

// IsAway says whether nothing is known of the object, because the hub could not
// be reached, verified or asked, and what is known from before is to be kept.
func IsAway(err error) bool {
	var failure *Error
	if errors.As(err, &failure) && failure.strict {
		return false
	}
	switch ReasonOf(err) {
	case Unreachable, Untrusted, Unauthorized, Forbidden:
		return true
	}
	return false
}

// attempt is what a request tried, for messages.
type attempt struct {
	verb      string
	kind      schema.GroupVersionKind
	namespace string
	name      string
}

// String names the attempt, such as "read Environment \"prod\"".
func (a attempt) String() string {
	text := a.verb + " " + a.kind.Kind
	if a.name == "" {
		return text
	}
	if a.namespace != "" {
		return fmt.Sprintf("%s %q", text, a.namespace+"/"+a.name)
	}
	return fmt.Sprintf("%s %q", text, a.name)
}

// explain classifies err. A nil error and an *Error or *ConfigError are returned
// as they are.
func (c *Client) explain(err error, what attempt) error {
	if err == nil {
		return nil
	}
	var known *Error
	var config *ConfigError
	if errors.As(err, &known) {
		return err
	}
	if errors.As(err, &config) {
		return config
	}
	failure := c.classify(err, what)
	failure.cause = err
	failure.strict = c.strict
	return failure
}

// classify chooses the class of a failure.
func (c *Client) classify(err error, what attempt) *Error {
	if meta.IsNoMatchError(err) {
		return kindMissing(what)
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return c.classifyStatus(err, status.Status(), what)
	}
	if errors.Is(err, context.Canceled) {
		return &Error{Reason: Canceled, Summary: "Interrupted", Detail: fmt.Sprintf("Interrupted while trying to %s.", what)}
	}
	if detail := certificateProblem(err); detail != "" {
		return c.untrusted(detail)
	}
	if networkFailure(err) {
		return c.unreachable(err, what)
	}
	return &Error{Reason: Failed, Summary: "Hub request failed", Detail: fmt.Sprintf("Could not %s at %s: %s.", what, c.Host(), err), told: err.Error()}
}

// classifyStatus chooses the class of an answer of the API server.
func (c *Client) classifyStatus(err error, status metav1.Status, what attempt) *Error {
	if reason, ok := admissionReason(status); ok {
		failure := refused(status, what)
		failure.Reason = reason
		return failure
	}
	switch {
	case apierrors.IsUnauthorized(err):
		return c.unauthorized(what)
	case apierrors.IsForbidden(err):
		return c.forbidden(status, what)
	case apierrors.IsNotFound(err):
		return notFound(status, what)
	case apierrors.IsConflict(err) && len(conflicts(status)) > 0:
		return conflicting(status, what)
	case apierrors.IsInvalid(err) || apierrors.IsBadRequest(err):
		return refused(status, what)
	case apierrors.IsServiceUnavailable(err) && isNewKind(status):
		return kindMissing(what)
	case apierrors.IsTimeout(err), apierrors.IsServerTimeout(err), apierrors.IsServiceUnavailable(err), apierrors.IsTooManyRequests(err):
		return c.unreachable(err, what)
	}
	if field, ok := undeclared(status.Message); ok {
		return &Error{Reason: Outdated, Summary: "Refused by the hub", Fields: []string{field},
			Detail: fmt.Sprintf("Could not %s: the addon on the hub does not know %s. It is older than this provider: upgrade it, for example with fairlead_addon, or leave the field out.", what, field)}
	}
	told := strings.TrimSuffix(refusal.WithoutValues(status.Message), ".")
	return &Error{Reason: Failed, Summary: "Hub request failed", Detail: fmt.Sprintf("Could not %s at %s: %s.", what, c.Host(), told), told: told}
}

// isNewKind says that mutating admission policies do not know the kind yet. For some
// seconds after its CustomResourceDefinition was made an API server refuses to create
// what such a policy matches, whatever the policy's failurePolicy is; the words are
// those of Kubernetes 1.36.
func isNewKind(status metav1.Status) bool {
	return strings.HasPrefix(status.Message, "Resource kind ") && strings.Contains(status.Message, " not found. There can be a delay")
}

// admissionReason tells a refusal by admission from one by the rights of the
// credential: both may be answered with 403, and only the message tells them apart.
func admissionReason(status metav1.Status) (Reason, bool) {
	switch {
	case strings.Contains(status.Message, "does not support dry run"):
		return NoDryRun, true
	case strings.Contains(status.Message, "because it is being terminated"):
		return Terminating, true
	case strings.Contains(status.Message, ": exceeded quota: "):
		return Exhausted, true
	case strings.Contains(status.Message, "admission webhook \"") && strings.Contains(status.Message, " denied the request"),
		strings.Contains(status.Message, "ValidatingAdmissionPolicy '") && strings.Contains(status.Message, " denied request"):
		return Invalid, true
	}
	return "", false
}

// undeclared returns the field that the hub's schema does not have, if that is
// what the message of a server-side apply says.
func undeclared(message string) (string, bool) {
	text, ok := strings.CutSuffix(message, ": field not declared in schema")
	if !ok {
		return "", false
	}
	return strings.TrimPrefix(text[strings.LastIndex(text, " ")+1:], "."), true
}

// kindMissing explains that the hub does not serve a kind.
func kindMissing(what attempt) *Error {
	return &Error{
		Reason:  KindMissing,
		Summary: "Kind not installed on the hub",
		Detail:  fmt.Sprintf("Could not %s: the hub does not serve %s. %s", what, what.kind.GroupKind(), bringerOf(what.kind.Group)),
	}
}

// bringerOf says who brings the kinds of a group, and what is to be done for it.
func bringerOf(group string) string {
	switch {
	case group == "core.oam.dev", group == "fairlead.dev":
		return "The Fairlead addon brings this kind. " +
			"Install it with the resource fairlead_addon and let this resource depend on it (depends_on = [fairlead_addon.hub]), " +
			"or check that the provider points at the right hub."
	case strings.HasSuffix(group, ".open-cluster-management.io"):
		return "The hub of Open Cluster Management, its cluster manager, brings this kind. " +
			"Install it on the hub, such as by clusteradm init, or check that the provider points at the right hub."
	}
	return "Neither the Fairlead addon nor Open Cluster Management brings this kind. " +
		"Check that the provider points at the right hub, and that the address is that of a Kubernetes API server."
}

// notFound tells a missing object from a missing namespace and a missing kind.
func notFound(status metav1.Status, what attempt) *Error {
	if status.Details == nil || status.Details.Name == "" || unexpectedAnswer(status) {
		return kindMissing(what)
	}
	if status.Details.Kind == "namespaces" && what.kind.Kind != "Namespace" {
		return &Error{Reason: NamespaceMissing, Summary: "Namespace not found",
			Detail: fmt.Sprintf("Could not %s: the hub has no namespace %q. %s", what, what.namespace, makerOf(what.namespace))}
	}
	return &Error{Reason: NotFound, Summary: "Not found on the hub", Detail: fmt.Sprintf("Could not %s: it does not exist.", what)}
}

// makerOf says how a namespace that is missing comes to be.
func makerOf(namespace string) string {
	switch {
	case strings.HasPrefix(namespace, "open-cluster-management"):
		return "It comes with the hub of Open Cluster Management. Install that on the hub, such as by clusteradm init, or check that the provider points at the right hub."
	case namespace == "fairlead-system":
		return "It comes with the Fairlead addon. Install that with the resource fairlead_addon and let this resource depend on it (depends_on = [fairlead_addon.hub])."
	}
	return "Create it, for example with application_namespaces = { create = true } of a fairlead_environment, and let this resource depend on it."
}

// unexpectedAnswer says whether the answer did not come from a handler of objects:
// that is how the API server answers for a path that it does not serve.
func unexpectedAnswer(status metav1.Status) bool {
	if status.Details == nil {
		return false
	}
	for _, cause := range status.Details.Causes {
		if cause.Type == metav1.CauseTypeUnexpectedServerResponse {
			return true
		}
	}
	return false
}

// unauthorized explains a 401.
func (c *Client) unauthorized(what attempt) *Error {
	return &Error{
		Reason:  Unauthorized,
		Summary: "Hub refused the credential",
		Detail: fmt.Sprintf("Could not %s at %s: the hub does not know the credential (401). It comes from %s. "+
			"It may have expired, or belong to another cluster.", what, c.Host(), c.credential),
	}
}

// forbidden explains a 403.
func (c *Client) forbidden(status metav1.Status, what attempt) *Error {
	return &Error{
		Reason:  Forbidden,
		Summary: "Not allowed on the hub",
		Detail: fmt.Sprintf("Could not %s at %s (403): %s. The credential comes from %s. %s",
			what, c.Host(), strings.TrimSuffix(status.Message, "."), c.credential, roleFor(what.kind.Group)),
	}
}

// roleFor says which role allows what is done with the kinds of a group.
func roleFor(group string) string {
	switch group {
	case "core.oam.dev", "fairlead.dev":
		return "Bind one of the roles that the addon brings, such as fairlead-platform-admin or fairlead-app-editor, to its user."
	}
	return "No role that the addon brings for people allows this: bind one of your own to its user."
}

// untrusted explains a certificate that could not be verified.
func (c *Client) untrusted(detail string) *Error {
	return &Error{
		Reason:  Untrusted,
		Summary: "Hub certificate not trusted",
		Detail: fmt.Sprintf("The certificate of %s could not be verified: %s. "+
			"Check cluster_ca_certificate (or certificate-authority-data in the kubeconfig) and, if the name differs, tls_server_name.", c.Host(), detail),
	}
}

// unreachable explains that there was no answer.
func (c *Client) unreachable(err error, what attempt) *Error {
	return &Error{
		Reason:  Unreachable,
		Summary: "Hub unreachable",
		Detail: fmt.Sprintf("Could not %s: %s gave no answer (%s). The address comes from %s. "+
			"Check the address, the network or VPN and the proxy, and that the API server runs.", what, c.Host(), rootCause(err), c.origin),
	}
}

// refused explains an object that the hub does not accept, one line per field.
func refused(status metav1.Status, what attempt) *Error {
	failure := &Error{Reason: Invalid, Summary: "Refused by the hub"}
	var lines []string
	for _, cause := range causesOf(status) {
		failure.Fields = append(failure.Fields, cause.Field)
		lines = append(lines, fmt.Sprintf("  %s: %s", cause.Field, refusal.WithoutValues(cause.Message)))
	}
	// The API server gives them in no particular order.
	sort.Strings(lines)
	if len(lines) == 0 {
		failure.told = strings.TrimSuffix(refusal.WithoutValues(status.Message), ".")
		failure.Detail = fmt.Sprintf("Could not %s: %s.", what, failure.told)
		return failure
	}
	failure.told = strings.Join(lines, "\n")
	failure.Detail = fmt.Sprintf("Could not %s:\n%s", what, failure.told)
	return failure
}

// causesOf returns the causes that name a field.
func causesOf(status metav1.Status) []metav1.StatusCause {
	if status.Details == nil {
		return nil
	}
	var causes []metav1.StatusCause
	for _, cause := range status.Details.Causes {
		// <nil> is how the API server says "the object as a whole".
		if cause.Field != "" && cause.Field != "<nil>" {
			causes = append(causes, cause)
		}
	}
	return causes
}

// conflicts maps each other manager to the fields that it owns.
func conflicts(status metav1.Status) map[string][]string {
	managers := map[string][]string{}
	if status.Details == nil {
		return managers
	}
	for _, cause := range status.Details.Causes {
		if cause.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		manager := managerOf(cause.Message)
		managers[manager] = append(managers[manager], strings.TrimPrefix(cause.Field, "."))
	}
	return managers
}

// managerOf takes the manager out of "conflict with \"name\" using v1 at ...".
func managerOf(message string) string {
	_, rest, ok := strings.Cut(message, "\"")
	if !ok {
		return message
	}
	name, _, _ := strings.Cut(rest, "\"")
	return name
}

// conflicting explains fields that another manager owns.
func conflicting(status metav1.Status, what attempt) *Error {
	return conflictWith(conflicts(status), what, "because another manager has set these fields to other values")
}

// conflictWith explains which manager owns which fields.
func conflictWith(owners map[string][]string, what attempt, why string) *Error {
	names := make([]string, 0, len(owners))
	for name := range owners {
		names = append(names, name)
	}
	sort.Strings(names)
	failure := &Error{Reason: Conflict, Summary: "Fields managed by somebody else"}
	lines := []string{fmt.Sprintf("Could not %s, %s:", what, why)}
	for _, name := range names {
		sort.Strings(owners[name])
		failure.Fields = append(failure.Fields, owners[name]...)
		lines = append(lines, fmt.Sprintf("  %s: %s", name, strings.Join(owners[name], ", ")))
	}
	lines = append(lines,
		"Two managers of one field undo each other's work: let only one of them set it. "+
			"To take it over, stop the other and apply with adopt_existing = true.")
	failure.Detail = strings.Join(lines, "\n")
	return failure
}

// certificateProblem describes a failed verification of the server, "" if err is none.
func certificateProblem(err error) string {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &authority):
		return "it is signed by an authority that is not trusted"
	case errors.As(err, &name):
		return strings.TrimPrefix(name.Error(), "x509: ")
	case errors.As(err, &invalid):
		return strings.TrimPrefix(invalid.Error(), "x509: ")
	case errors.As(err, &verification):
		return strings.TrimPrefix(verification.Err.Error(), "x509: ")
	case errors.As(err, &record):
		return "the server does not speak TLS"
	}
	return ""
}

// networkFailure says whether the request got no answer.
func networkFailure(err error) bool {
	var network net.Error
	var request *url.Error
	return errors.As(err, &network) || errors.As(err, &request) || errors.Is(err, context.DeadlineExceeded)
}

// rootCause returns the innermost text, without the URL that the message names already.
func rootCause(err error) string {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	return strings.TrimSuffix(err.Error(), ".")
}
