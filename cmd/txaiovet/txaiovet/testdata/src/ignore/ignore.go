package ignore

import (
	"time"

	"github.com/txaio-go/txaio"
)

func silenced(f *txaio.Future[int]) {
	txaio.AddTimeout(f, time.Second) //txaiovet:ignore the deadline is only for its side effect
	//txaiovet:ignore the deadline is only for its side effect, see https://example.org
	txaio.AddTimeout(f, time.Second)

	// The future has a deadline of its own.
	//txaiovet:ignore the deadline is only for its side effect
	// And more text.
	txaio.AddTimeout(f, time.Second)
	txaio.AddCallbacks(f, func(v int) (int, error) {
		return 0, nil //txaiovet:ignore the next callback wants nothing
	}, func(fail *txaio.Failure) (int, error) {
		//txaiovet:ignore	nobody else looks
		return 0, nil
	})
}

func withoutReason(f *txaio.Future[int]) {
	txaio.AddTimeout(f, time.Second) //txaiovet:ignore // want `give the reason: //txaiovet:ignore REASON`
	/* want `give the reason` */ //txaiovet:ignore
	txaio.AddTimeout(f, time.Second)
	//txaiovet:ignore  // want `give the reason`
	txaio.AddTimeout(f, time.Second)
	//txaiovet:ignore // want `give the reason`
}

func oneEach(f *txaio.Future[int]) {
	//txaiovet:ignore one of the two
	_, _ = txaio.AddTimeout(f, 1), txaio.AddTimeout(f, 2) // want `use the future that AddTimeout`
	//txaiovet:ignore the first
	//txaiovet:ignore the second
	_, _ = txaio.AddTimeout(f, 1), txaio.AddTimeout(f, 2)
	//txaiovet:ignore not for the line after the next

	txaio.AddTimeout(f, time.Second) // want `use the future that AddTimeout`
	//txaiovet:ignored is another word
	txaio.AddTimeout(f, time.Second) // want `use the future that AddTimeout`
	// txaiovet:ignore is not a directive
	txaio.AddTimeout(f, time.Second) // want `use the future that AddTimeout`
	/*txaiovet:ignore is not a line comment*/
	txaio.AddTimeout(f, time.Second) // want `use the future that AddTimeout`
}
