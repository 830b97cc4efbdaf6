#if canImport(Glibc)
    import Glibc
#endif

/// Strings compared by bytes. Swift's `==` says that a composed and a decomposed `é` are the same; in JSON they aren't.
extension String {
    func holdsSameBytes(as other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        return withBytes { left in other.withBytes { left.holdsSameBytes(as: $0) } }
    }

    /// The UTF-8 bytes; no copy for native strings, which all of ours are.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        if let result = utf8.withContiguousStorageIfAvailable({ body(UnsafeRawBufferPointer($0)) }) { return result }
        return Array(utf8).withUnsafeBytes(body)
    }
}

extension UnsafeRawBufferPointer {
    func holdsSameBytes(as other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        guard let base = baseAddress, let otherBase = other.baseAddress else { return true }
        return memcmp(base, otherBase, count) == 0
    }
}
