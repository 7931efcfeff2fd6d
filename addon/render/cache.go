// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"container/list"
	"sync"
)

// cache keeps the results that were used last, as many as fit into a weight.
// It is safe for concurrent use.
type cache struct {
	mutex  sync.Mutex
	limit  int
	weight int
	order  *list.List
	items  map[string]*list.Element
}

type cached struct {
	key    string
	result *Result
	weight int
}

// newCache is a cache of results that weigh up to limit bytes together.
func newCache(limit int) *cache {
	return &cache{limit: limit, order: list.New(), items: map[string]*list.Element{}}
}

func (c *cache) get(key string) (*Result, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	item, ok := c.items[key]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(item)
	return item.Value.(*cached).result, true //nolint:forcetypeassert // the list holds nothing else
}

// put keeps a result, unless it alone would push out a quarter of the others.
func (c *cache) put(key string, r *Result, weight int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if _, ok := c.items[key]; ok || weight > c.limit/4 {
		return
	}
	c.items[key] = c.order.PushFront(&cached{key: key, result: r, weight: weight})
	c.weight += weight
	for c.weight > c.limit {
		oldest := c.order.Remove(c.order.Back()).(*cached) //nolint:forcetypeassert // the list holds nothing else
		delete(c.items, oldest.key)
		c.weight -= oldest.weight
	}
}

// weigh estimates the bytes of memory that a JSON value takes.
func weigh(value any) int {
	const word, entry = 16, 40
	switch v := value.(type) {
	case map[string]any:
		// A small map has room for eight entries from the start.
		n := 48 + entry*max(8, 2*len(v))
		for _, item := range v {
			n += weigh(item)
		}
		return n
	case []any:
		n := 24
		for _, item := range v {
			n += word + weigh(item)
		}
		return n
	case string:
		return word + len(v)
	}
	return word
}
