import Glibc

/// Memory beside a page that nobody may touch: one byte read or written beyond that edge ends the process.
struct GuardedMemory: ~Copyable {
    private static let page = 4096

    private let start: UnsafeMutableRawPointer
    private let mappedBytes: Int
    let bytes: UnsafeMutableRawBufferPointer

    /// - Parameter isAtLowerEdge: begins where the lower guard page ends, instead of ending where the upper one begins.
    init(count: Int, isAtLowerEdge: Bool = false) {
        let inner = (count + Self.page - 1) / Self.page * Self.page
        mappedBytes = inner + 2 * Self.page
        start = mmap(nil, mappedBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
        precondition(start != MAP_FAILED)
        let usable = start + Self.page
        precondition(inner == 0 || mprotect(usable, inner, PROT_READ | PROT_WRITE) == 0)
        bytes = UnsafeMutableRawBufferPointer(start: isAtLowerEdge ? usable : usable + (inner - count), count: count)
    }

    init(_ content: [UInt8]) {
        self.init(count: content.count)
        bytes.copyBytes(from: content)
    }

    deinit {
        munmap(start, mappedBytes)
    }

    var readOnly: UnsafeRawBufferPointer { UnsafeRawBufferPointer(bytes) }
}
