/// Something that ended the run: what happened, in one sentence for the person who started it.
package struct BenchError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
