// Package bench compares txaio with what else a Go program could use, and with
// what an allocation and a call cost at all. It is a module of its own, so that
// users of txaio do not download its peers.
//
//	make bench    # in the root of the repository: runs all, prints the table
//
// Each benchmark has one contender to a sub-benchmark, and one future, call,
// timer or log entry to an iteration.
package bench
