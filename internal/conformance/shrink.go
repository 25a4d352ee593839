package conformance

// Shrink drops operations from p, which fails, as long as the rest still fails.
// It returns a program that cannot be made smaller in this way.
func Shrink(p Program, fails func(Program) bool) Program {
	for size := p.size() / 2; size > 0; {
		smaller := false
		// From the end, so that the uses of a name go before its definition.
		for from := p.size() - 1; from >= 0; from -= size {
			if candidate := p.without(from-size+1, from); candidate.Valid() && fails(candidate) {
				p, smaller = candidate, true
			}
		}
		if size > 1 || !smaller {
			size /= 2
		}
	}
	return p
}

// size returns the number of operations, including those inside others.
func (p Program) size() (n int) {
	p.walk(func(Op) { n++ })
	return n
}

// without returns p without the operations from first to last, counted in
// walk's order, and without those inside them.
func (p Program) without(first, last int) Program {
	at := 0
	var cut func(Program) Program
	cut = func(p Program) Program {
		kept := Program{} // not nil: JSON's [], not null
		for _, op := range p {
			here := at
			at++
			op = op.nested(cut)
			if here < first || here > last {
				kept = append(kept, op)
			}
		}
		return kept
	}
	return cut(p)
}
