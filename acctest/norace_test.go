// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !race

package acctest

// raceDetector says that the tests run with the race detector.
const raceDetector = false
