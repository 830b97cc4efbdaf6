extension UpstreamValueText {
    /// Appends the value of `key`. Fails with `.notJSON` or `.unreadableUpstream`; `output` is unspecified then.
    static func append(
        _ value: some Collection<UInt8>,
        key: String,
        to output: inout [UInt8]
    ) throws(UpstreamError) {
        // Contiguous collections, which all of ours are, aren't copied.
        let problem =
            value.withContiguousStorageIfAvailable { attempt(UnsafeRawBufferPointer($0), &output) }
            ?? Array(value).withUnsafeBytes { attempt($0, &output) }
        if let problem { throw error(problem, key: key.debugDescription) }
    }

    /// The closures above don't pass typed errors on.
    private static func attempt(_ value: UnsafeRawBufferPointer, _ output: inout [UInt8]) -> Problem? {
        do throws(Problem) {
            try append(value, to: &output)
            return nil
        } catch {
            return error
        }
    }

    private static func error(_ problem: Problem, key: String) -> UpstreamError {
        switch problem {
        case .notJSON(let error):
            UpstreamError(.notJSON, "the value of \(key) isn't JSON: \(error). Give one complete JSON text")
        case .tooDeep:
            UpstreamError(
                .unreadableUpstream,
                "the value of \(key) has more than \(maximumDepth) nested containers: upstream fails to load an "
                    + "index that holds it. Leave this entry out"
            )
        case .numberOutOfRange:
            UpstreamError(
                .unreadableUpstream,
                "the value of \(key) holds a number beyond the range of a double: upstream fails to load an index that "
                    + "holds it. Leave this entry out"
            )
        }
    }
}
