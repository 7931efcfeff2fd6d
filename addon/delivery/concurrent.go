// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package delivery

import (
	"context"
	"fmt"
	"sync"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
)

// atOnce is on how many clusters all applications together are worked at the same
// time: a write waits for the hub and its webhooks most of the time, and agents answer
// the first works while the last are written. It stays below the 245 requests that a hub
// with Kubernetes' defaults (600 in flight) serves to controllers at once; with fewer seats they
// queue there, fairly beside those of others.
const atOnce = 200

// lanes lets work on at most atOnce clusters go on at the same time. Its zero value is
// ready.
type lanes struct {
	once sync.Once
	free chan struct{}
}

// take waits for a lane, which done gives back.
func (l *lanes) take() (done func()) {
	l.once.Do(func() { l.free = make(chan struct{}, atOnce) })
	l.free <- struct{}{}
	return func() { <-l.free }
}

// perCluster calls do with the index of each item, of which clusters holds the
// names. Items of one cluster come one after the other, in order, since the later
// may rely on the earlier; clusters wait for no other. What is on one cluster alone
// waits for no lane.
//
// It returns what do returned, by index.
func (l *lanes) perCluster(ctx context.Context, clusters []string, do func(i int) error) []error {
	errs := make([]error, len(clusters))
	groups := grouped(clusters)
	if len(groups) == 1 {
		oneByOne(ctx, groups[0], errs, do)
		return errs
	}
	var workers sync.WaitGroup
	queue := make(chan []int)
	for range min(atOnce, len(groups)) {
		workers.Go(func() {
			for group := range queue {
				done := l.take()
				oneByOne(ctx, group, errs, do)
				done()
			}
		})
	}
	for _, group := range groups {
		queue <- group
	}
	close(queue)
	workers.Wait()
	return errs
}

// grouped are the indexes of each name, in the order in which names come first.
func grouped(names []string) [][]int {
	var groups [][]int
	at := map[string]int{}
	for i, name := range names {
		group, known := at[name]
		if !known {
			group = len(groups)
			at[name] = group
			groups = append(groups, nil)
		}
		groups[group] = append(groups[group], i)
	}
	return groups
}

func oneByOne(ctx context.Context, indexes []int, errs []error, do func(i int) error) {
	for _, i := range indexes {
		errs[i] = guarded(ctx, func() error { return do(i) })
	}
}

// guarded makes an error of a panic: nobody else would catch it on a goroutine
// of ours, and one application must not end the process for all.
func guarded(ctx context.Context, do func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			for _, handle := range utilruntime.PanicHandlers {
				handle(ctx, cause)
			}
			err = fmt.Errorf("panic: %v [recovered]", cause)
		}
	}()
	return do()
}
