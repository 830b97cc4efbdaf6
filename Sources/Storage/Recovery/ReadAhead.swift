/// Reads the next piece of a file while the one before is being looked at: reading and applying a log take about as long.
///
/// `@unchecked Sendable`: the fields belong to the owner, and between `request` and `take` to the thread; the two
/// semaphores lie between.
final class ReadAhead<IO: StorageIO>: @unchecked Sendable {
    /// Room before the piece, for what the owner hasn't used up of the one before.
    let headRoom: Int
    /// Where the piece under way begins; nil: none is.
    private(set) var offset: UInt64?
    private let io: IO
    private let file: IO.File
    private let pieceBytes: Int
    private var place: AlignedBytes
    private var result: Result<Int, SystemCallError> = .success(0)
    private var isStopping = false
    private let requested = WakeUp()
    private let done = WakeUp()
    private var thread: WorkerThread?

    init(io: IO, file: IO.File, headRoom: Int, pieceBytes: Int) throws(SystemCallError) {
        self.io = io
        self.file = file
        self.headRoom = headRoom
        self.pieceBytes = pieceBytes
        place = AlignedBytes(uninitialized: headRoom + pieceBytes)
        thread = try WorkerThread(name: "iii-read-ahead") { [unowned self] in run() }
    }

    private func run() {
        while true {
            requested.wait(nanoseconds: nil)
            guard !isStopping, let offset else { return }
            let target = UnsafeMutableRawBufferPointer(rebasing: place.mutable[headRoom...])
            result = Result { () throws(SystemCallError) in try io.readAll(file, into: target, at: offset) }
            done.post()
        }
    }

    func request(_ offset: UInt64) {
        self.offset = offset
        requested.post()
    }

    /// Waits for the piece and exchanges its place for the owner's: the piece stands behind the head room, and right before
    /// it the end of what the owner had, from `index` on. Returns the piece's length.
    func take(_ other: inout AlignedBytes, keeping index: Int, _ rest: Int) throws(SystemCallError) -> Int {
        precondition(rest <= headRoom, "more is left than there is room for")
        let count = try wait()
        let target = UnsafeMutableRawBufferPointer(rebasing: place.mutable[(headRoom - rest)..<headRoom])
        target.copyMemory(from: other.readOnly.part(index, rest))
        swap(&other, &place)
        if place.count < headRoom + pieceBytes { place = AlignedBytes(uninitialized: headRoom + pieceBytes) }
        return count
    }

    /// Forgets the piece under way: nobody needs it, so whether it could be read doesn't matter.
    func drop() {
        if offset != nil { _ = try? wait() }
    }

    private func wait() throws(SystemCallError) -> Int {
        done.wait(nanoseconds: nil)
        offset = nil
        return try result.get()
    }

    /// Ends the thread. Nothing may be used afterwards.
    func stop() {
        drop()
        isStopping = true
        requested.post()
        thread?.join()
    }
}
