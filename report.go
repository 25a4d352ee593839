package txaio

// ownLog is where the package itself logs.
var ownLog = newLogger("github.com/txaio-go/txaio")

// reportUnhandled logs a failure that nobody else will see.
func reportUnhandled(message string, fail *Failure) { ownLog.Failure(fail, message) }
