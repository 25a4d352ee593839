//go:build deferred || future

package line_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/examples/pipeline/line"
	"github.com/txaio-go/txaio/testutil"
)

// Every request ends once, with its own answer or an error, when goroutines make
// requests, cancel them and wait for them at once, and the server is slow, loses
// answers and breaks connections.
func TestEveryRequestEndsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer testutil.ReplaceLoop(txaio.NewLoop())()
		var servers, group sync.WaitGroup
		client := line.NewClient(func(context.Context) (net.Conn, error) {
			if rand.IntN(10) == 0 {
				return nil, io.ErrUnexpectedEOF
			}
			near, far := net.Pipe()
			servers.Go(func() { serveBadly(far) })
			return near, nil
		}, timeout)

		const users, requests = 20, 100
		var ends, answers atomic.Int32
		for user := range users {
			group.Go(func() {
				for i := range requests {
					text := fmt.Sprint(user, " ", i)
					ctx, cancel := context.WithTimeout(t.Context(), rand.N(2*timeout))
					f := client.Do("SAY", text)
					txaio.Watch(f, func(string) { ends.Add(1) }, func(*txaio.Failure) { ends.Add(1) })
					txaio.CancelOnDone(ctx, f)
					if rand.IntN(10) == 0 {
						go txaio.Cancel(f)
					}
					switch answer, err := txaio.Await(ctx, f); {
					case err == nil && answer == text:
						answers.Add(1)
					case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, line.ErrDisconnected):
					default:
						t.Errorf("SAY %s: got %q and the error %v", text, answer, err)
					}
					cancel()
				}
			})
		}
		group.Wait()
		if _, err := txaio.Await(t.Context(), client.Shutdown()); err != nil {
			t.Error(err)
		}
		servers.Wait() // a bubble's time stops when its first goroutine returns, so a server that sleeps would never end
		synctest.Wait()
		if ends.Load() != users*requests || answers.Load() == 0 {
			t.Errorf("%d requests ended %d times, with %d answers", users*requests, ends.Load(), answers.Load())
		}
	})
}

// serveBadly answers most requests, in any order.
func serveBadly(conn net.Conn) {
	defer conn.Close()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		request := strings.SplitN(lines.Text(), " ", 3)
		answer := func() { fmt.Fprintf(conn, "%s OK %s\n", request[0], request[2]) } // it may fail
		switch n := rand.IntN(100); {
		case n == 0: // the connection breaks
			return
		case n == 1:
			io.WriteString(conn, "what?\n")
		case n < 10: // the answer is lost
		case n < 20: // it reads slowly
			time.Sleep(timeout / 10)
			answer()
		default:
			time.AfterFunc(rand.N(timeout/5), answer)
		}
	}
}
