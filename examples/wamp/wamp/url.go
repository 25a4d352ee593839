package wamp

import (
	"errors"
	"fmt"
	"net/url"
)

// checkURL finds what no attempt to connect could mend.
func checkURL(address string) error {
	parsed, err := url.Parse(address)
	switch {
	case err != nil:
		return errors.New("the router's URL cannot be parsed; it is not shown, because there may be a password in it")
	case parsed.Host == "":
		return fmt.Errorf("the router's URL %s has no host", redactedURL(address))
	}
	switch parsed.Scheme {
	case "ws", "wss", "http", "https":
		return nil
	}
	return fmt.Errorf("the router's URL %s has the scheme %q: it has to be ws or wss", redactedURL(address), parsed.Scheme)
}

// redactedURL returns a URL without the password, and without the values of its
// query, which may be tokens.
func redactedURL(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return "(unreadable)"
	}
	query := parsed.Query()
	for _, values := range query {
		for i := range values {
			values[i] = "xxxxx"
		}
	}
	parsed.RawQuery = query.Encode()
	return parsed.Redacted()
}

// redacted is an error of a connection to address, which net/http puts into the
// text.
func redacted(err error, address string) error {
	if about, is := errors.AsType[*url.Error](err); is {
		return fmt.Errorf("%s: %w", redactedURL(address), about.Err)
	}
	return err
}
