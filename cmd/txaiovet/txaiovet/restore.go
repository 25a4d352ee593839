package txaiovet

import "go/ast"

// checkRestore reports `defer testutil.ReplaceLoop(loop)`: it replaces the loop
// at the end and never restores it.
func checkRestore(c *checker) {
	for cur := range c.nodes((*ast.DeferStmt)(nil)) {
		call := cur.Node().(*ast.DeferStmt).Call
		if name, _ := c.api(call); name == "testutil.ReplaceLoop" {
			c.report(call, fix("Call what ReplaceLoop returns", call.End(), call.End(), "()"),
				"write defer testutil.ReplaceLoop(loop)(): what ReplaceLoop returns restores the loop, and this replaces it when the test ends")
		}
	}
}
