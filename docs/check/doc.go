// Package check has no code but its tests, which need more than the library
// does. They are a module of their own.
package check
