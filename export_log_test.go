package txaio

// LoggerCount returns how many loggers follow the global level.
func LoggerCount() int {
	levels.Lock()
	defer levels.Unlock()
	return len(levels.loggers)
}

// NamespaceOf is namespaceOf, for names that this test cannot produce.
func NamespaceOf(function string) string { return namespaceOf(function) }
