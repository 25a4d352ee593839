package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/coder/websocket"
)

// A bareClient is a minimal client for calls only: the same WebSocket library, and
// a map of the pending calls. It has no cancelling, no timeouts, and no errors but
// its own.
type bareClient struct {
	conn *websocket.Conn

	mu      sync.Mutex
	last    uint64
	pending map[uint64]chan []any
}

func dialBare(ctx context.Context, url string) (*bareClient, error) {
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{"wamp.2.json"}})
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(16 << 20)
	c := &bareClient{conn: conn, pending: make(map[uint64]chan []any)}
	hello := map[string]any{"roles": map[string]any{"caller": map[string]any{}, "callee": map[string]any{}}}
	if err := c.send(ctx, 1, "realm1", hello); err != nil {
		return nil, err
	}
	welcome, err := c.receive(ctx)
	if err == nil && welcome[0] != 2.0 {
		err = fmt.Errorf("the router sent %v", welcome)
	}
	return c, err
}

func (c *bareClient) send(ctx context.Context, elements ...any) error {
	frame, err := json.Marshal(elements)
	if err != nil {
		return err
	}
	return c.conn.Write(ctx, websocket.MessageText, frame)
}

func (c *bareClient) receive(ctx context.Context) (message []any, err error) {
	_, frame, err := c.conn.Read(ctx)
	if err != nil {
		return nil, err
	}
	return message, json.Unmarshal(frame, &message)
}

// serve registers the procedure, and answers its calls until the connection ends.
func (c *bareClient) serve(ctx context.Context) error {
	if err := c.send(ctx, 64, 1, map[string]any{}, procedure); err != nil {
		return err
	}
	if _, err := c.receive(ctx); err != nil {
		return err
	}
	go func() {
		for {
			invocation, err := c.receive(ctx)
			if err != nil {
				return
			}
			n := invocation[4].([]any)[0].(float64)
			if c.send(ctx, 70, invocation[1], map[string]any{}, []any{2 * n}) != nil {
				return
			}
		}
	}()
	return nil
}

// listen delivers results to the goroutines that wait for them, until the
// connection ends.
func (c *bareClient) listen(ctx context.Context) {
	for {
		result, err := c.receive(ctx)
		if err != nil {
			return
		}
		id := uint64(result[1].(float64))
		c.mu.Lock()
		waiting := c.pending[id]
		delete(c.pending, id)
		c.mu.Unlock()
		waiting <- result
	}
}

func (c *bareClient) call(ctx context.Context, n int) (any, error) {
	answer := make(chan []any, 1)
	c.mu.Lock()
	c.last++
	id := c.last
	c.pending[id] = answer
	c.mu.Unlock()
	if err := c.send(ctx, 48, id, map[string]any{}, procedure, []any{n}); err != nil {
		return nil, err
	}
	select {
	case result := <-answer:
		return int64(result[3].([]any)[0].(float64)), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
