package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/examples/pipeline/line"
)

// newHandler returns a handler that answers /KEY,KEY… with the sum of the numbers.
// ?within=50ms limits how long the caller waits.
func newHandler(client *line.Client) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{keys}", func(w http.ResponseWriter, r *http.Request) {
		within, err := time.ParseDuration(r.FormValue("within"))
		if err != nil {
			within = time.Minute
		}
		ctx, cancel := context.WithTimeout(r.Context(), within)
		defer cancel()
		f := sum(client, strings.Split(r.PathValue("keys"), ","))
		txaio.CancelOnDone(ctx, f) // also when the caller has gone
		total, err := txaio.Await(ctx, f)
		if err != nil {
			http.Error(w, http.StatusText(status(err)), status(err))
			return
		}
		fmt.Fprintln(w, total)
	})
	return mux
}

// sum asks for all the numbers at once. Cancelling its future cancels the requests.
func sum(client *line.Client, keys []string) *txaio.Future[int] {
	var numbers []*txaio.Future[int]
	for _, key := range keys {
		numbers = append(numbers, client.Get(key))
	}
	return txaio.Then(txaio.Gather(numbers, true), func(results []txaio.Result[int]) (total int, err error) {
		for _, result := range results {
			if result.Failure != nil {
				return 0, result.Failure
			}
			total += result.Value
		}
		return total, nil
	})
}

// status returns the HTTP status for an error.
func status(err error) int {
	if _, is := errors.AsType[*line.ServerError](err); is {
		return http.StatusNotFound
	}
	if errors.Is(err, context.DeadlineExceeded) { // the caller's, or the client's timeout
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}
