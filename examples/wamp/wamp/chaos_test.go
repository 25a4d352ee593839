//go:build deferred || future

package wamp_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/testutil"

	"github.com/txaio-go/txaio/examples/wamp/internal/wamptest"
	"github.com/txaio-go/txaio/examples/wamp/wamp"
)

// A hundred sessions, with different serializers, call one another for a minute through
// a router that damages frames and restarts. Every call ends once, with its own result
// or an error. When the router works again, every registration and subscription is
// back, and at the end of the bubble no goroutine is left.
func TestChaos(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(testutil.ReplaceLoop(txaio.NewLoop()))
		quiet := logrus.New()
		quiet.Level = logrus.PanicLevel
		logger := txaio.MakeLogger(txaio.WithLogrus(quiet))
		router := wamptest.NewChaos(t)
		serializers := []wamp.Serializer{wamp.JSON, wamp.MessagePack, wamp.CBOR}
		const n = 100
		sessions := make([]*wamp.Session, n)
		var heard [n]atomic.Int64
		for i := range sessions {
			s, err := wamp.NewSession(wamp.Config{
				URL: wamptest.URL, Realm: "realm1", HTTPClient: router.Client(), Logger: logger,
				Serializers: []wamp.Serializer{serializers[i%len(serializers)]},
				Timeout:     5 * time.Second, JoinTimeout: 5 * time.Second, CloseTimeout: time.Second, PingInterval: 5 * time.Second,
				Reconnect: &wamp.Backoff{InitialDelay: 200 * time.Millisecond, MaxDelay: 2 * time.Second,
					Retry: func(string, bool) bool { return true }},
			})
			if err != nil {
				t.Fatal(err)
			}
			must(t, s.Join())
			must(t, s.Handle(fmt.Sprint("com.double.", i), func(ctx context.Context, inv *wamp.Invocation) (wamp.Payload, error) {
				var number int
				err := inv.Scan(&number)
				return wamp.Args(2 * number), err
			}))
			must(t, s.Subscribe("com.news", func(*wamp.Event) error { heard[i].Add(1); return nil }))
			sessions[i] = s
		}

		router.SetRate(200)
		end := time.Now().Add(time.Minute)
		var group sync.WaitGroup
		var succeeded atomic.Int64
		ends := make([][]*atomic.Int32, n) // of each call
		for i, s := range sessions {
			group.Go(func() {
				for number := i; time.Now().Before(end); number += n {
					ended := new(atomic.Int32)
					ends[i] = append(ends[i], ended)
					f := s.Call(fmt.Sprint("com.double.", rand.IntN(n)), wamp.Args(number))
					txaio.Watch(f, func(result *wamp.Result) {
						ended.Add(1)
						succeeded.Add(1)
						if result.Args[0] != int64(2*number) {
							t.Errorf("%d doubled is %v", number, result.Args)
						}
					}, func(*txaio.Failure) { ended.Add(1) })
					if number%33 == 0 { // each time for all the others
						s.Publish("com.news", wamp.Payload{}, wamp.PublishOptions{Acknowledge: number%2 == 0})
					}
					if number%3 == 0 {
						time.Sleep(time.Millisecond) // of the bubble's time
						txaio.Cancel(f)              // if it is late
					}
					time.Sleep(time.Duration(rand.Int64N(int64(2 * time.Second))))
				}
			})
		}
		for range 3 {
			time.Sleep(15 * time.Second)
			router.Restart(2 * time.Second)
		}
		group.Wait()
		router.SetRate(0)
		time.Sleep(time.Minute) // for late frames, and sessions that wait to connect
		calls := int64(0)
		for i := range ends {
			for number, ended := range ends[i] {
				if times := ended.Load(); times != 1 {
					t.Errorf("call %d of session %d has ended %d times", number, i, times)
				}
				calls++
			}
		}
		// The router passes on a frame that it held back when the next one comes. The
		// session that gets it may have to connect again, so there are several attempts.
		var missing []string
		for range 3 {
			if missing = lacking(sessions, heard[:]); len(missing) == 0 {
				break
			}
			time.Sleep(10 * time.Second)
		}
		for _, what := range missing {
			t.Error(what)
		}
		for _, s := range sessions {
			must(t, s.Leave())
			<-s.Done()
		}
		var happened int64
		for i := range router.Happened {
			happened += router.Happened[i].Load()
		}
		t.Logf("%d calls, %d of them with a result; something happened to %d frames", calls, succeeded.Load(), happened)
		if succeeded.Load() < calls/2 || happened < 100 {
			t.Error("that was no load, or no chaos")
		}
	})
}

// lacking calls the procedure of each session, publishes an event to all of them, and
// returns what went wrong. heard counts the events.
func lacking(sessions []*wamp.Session, heard []atomic.Int64) (missing []string) {
	for i := range sessions {
		doubled, err := wamp.CallAs[int](context.Background(), sessions[(i+1)%len(sessions)], fmt.Sprint("com.double.", i), wamp.Args(i))
		if err != nil || doubled != 2*i {
			missing = append(missing, fmt.Sprintf("the procedure of session %d: %d %v", i, doubled, err))
		}
	}
	synctest.Wait() // for events that the router had held back
	for i := range heard {
		heard[i].Store(0)
	}
	if _, err := txaio.Await(context.Background(), sessions[0].Publish("com.news", wamp.Payload{}, wamp.PublishOptions{Acknowledge: true, IncludeMe: true})); err != nil {
		missing = append(missing, "publishing: "+err.Error())
	}
	synctest.Wait()
	for i := range heard {
		if events := heard[i].Load(); events != 1 {
			missing = append(missing, fmt.Sprintf("session %d has got the event %d times", i, events))
		}
	}
	return missing
}
