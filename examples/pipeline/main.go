// Command pipeline is an HTTP server whose handlers use a client that is written with
// txaio (package line). It shuts down without losing a request. It sends itself a few
// requests and prints the answers, which are the same on both backends:
//
//	go run -tags deferred ./examples/pipeline
//	go run -tags future ./examples/pipeline
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/txaio-go/txaio"
	"github.com/txaio-go/txaio/examples/pipeline/line"
)

func main() {
	loop := txaio.NewLoop() // it runs by itself when there is something to run
	txaio.SetLoop(loop)

	store := newStore(map[string]int{"apples": 12, "pears": 8, "plums": 20})
	client := line.NewClient(func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", store.addr())
	}, 10*time.Second)
	listener := listen()
	server := &http.Server{Handler: newHandler(client)}
	go func() {
		if err := server.Serve(listener); err != http.ErrServerClosed {
			log.Fatal(err)
		}
	}()

	url := "http://" + listener.Addr().String()
	for _, path := range []string{"/apples", "/apples,pears", "/bananas", "/apples,never?within=50ms"} {
		fmt.Println(get(url, path))
	}

	// A request is pending when the server shuts down, and its answer comes only
	// then.
	slow := make(chan string)
	go func() { slow <- get(url, "/slow,plums") }()
	<-store.asked
	server.RegisterOnShutdown(func() { close(store.release) })
	if err := shutDown(server, client, loop); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-slow)
	fmt.Println("shut down")
	store.close()
}

// get returns the HTTP server's answer.
func get(url, path string) string {
	response, err := http.Get(url + path)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	return fmt.Sprintf("GET %s: %d %s", path, response.StatusCode, strings.TrimSpace(string(body)))
}

// shutDown does the work of a server that gets SIGTERM. The users of the client end
// first, then the client, and then the work that is left on the loop.
func shutDown(server *http.Server, client *line.Client, loop *txaio.Loop) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return err
	}
	if _, err := txaio.Await(ctx, client.Shutdown()); err != nil {
		return err
	}
	return loop.Drain(ctx)
}
