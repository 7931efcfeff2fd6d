// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package rollout

import "testing"

func TestHeld(t *testing.T) {
	checkGolden(t, "held", Held(loadApplication(t, "held"), false)+"\n")
}
