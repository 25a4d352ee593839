package wamp

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// chooseDialer returns the dialer for the router's URL. It returns an error if no
// attempt to connect could succeed.
func chooseDialer(config *Config) (dialer, error) {
	address := config.URL
	to, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the router's URL cannot be parsed; it is not shown, because there may be a password in it")
	}
	switch to.Scheme {
	case "unix":
		if to.Host != "" || to.Path == "" {
			return nil, fmt.Errorf("the router's URL %s has no path: use one like unix:///run/router.sock", redactedURL(address))
		}
		return dialRawSocket(config, to), nil
	case "ws", "wss", "http", "https", "rs", "rss":
	default:
		return nil, fmt.Errorf("the router's URL %s has the scheme %q: it has to be ws, wss, rs, rss or unix", redactedURL(address), to.Scheme)
	}
	switch raw := strings.HasPrefix(to.Scheme, "rs"); {
	case to.Hostname() == "":
		return nil, fmt.Errorf("the router's URL %s has no host", redactedURL(address))
	case raw && to.Port() == "":
		return nil, fmt.Errorf("the router's URL %s has no port, and RawSocket has none of its own", redactedURL(address))
	case raw:
		return dialRawSocket(config, to), nil
	}
	return dialWebSocket(config), nil
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

// redacted removes the secrets in address from an error. net/http puts the address into
// its text.
func redacted(err error, address string) error {
	if about, is := errors.AsType[*url.Error](err); is {
		return fmt.Errorf("%s: %w", redactedURL(address), about.Err)
	}
	return err
}
