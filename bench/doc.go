// Package bench compares txaio with other libraries, with plain channels and
// goroutines, and with the cost of an allocation and a call. It is a module of its
// own, so that users of txaio do not download the other libraries.
//
//	make bench    # in the root of the repository: runs all, prints the table
//
// Each contender of a benchmark is a sub-benchmark. An iteration is one future,
// call, timer or log entry.
package bench
