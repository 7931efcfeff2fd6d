// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

// Package preview says which objects an application becomes, before anybody can
// be asked: from the application, what is known of its environments, and the
// definitions that are embedded or given. It is pure, and values may be unknown.
package preview
