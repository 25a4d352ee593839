package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"strings"
)

// A store is the server of the client. It is plain Go, and knows nothing of txaio.
type store struct {
	listener net.Listener
	numbers  map[string]int
	asked    chan struct{} // gets a value for each request for "slow",
	release  chan struct{} // which is answered when this is closed
}

func newStore(numbers map[string]int) *store {
	s := &store{listen(), numbers, make(chan struct{}), make(chan struct{})}
	go func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return // it is closed
			}
			go s.serve(conn)
		}
	}()
	return s
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

func (s *store) addr() string { return s.listener.Addr().String() }

func (s *store) close() { s.listener.Close() }

// serve answers until the client has gone.
func (s *store) serve(conn net.Conn) {
	defer conn.Close()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		id, request, _ := strings.Cut(lines.Text(), " ")
		key := strings.TrimPrefix(request, "GET ")
		number, known := s.numbers[key]
		switch {
		case key == "slow":
			go func() {
				s.asked <- struct{}{}
				<-s.release
				fmt.Fprintln(conn, id, "OK 1")
			}()
		case key == "never":
		case known:
			fmt.Fprintln(conn, id, "OK", number)
		default:
			fmt.Fprintln(conn, id, "ERR no such key:", key)
		}
	}
}
