import CPlatform
import Glibc

extension LogInspector {
    func readFacts() throws(SystemCallError) -> StoreFacts {
        var format: StoreFormat?
        do {
            format = try FormatFile(io: io, directory: directory).read()
        } catch {
            // Damage is told by the walk.
            if let call = error.systemCall, call.isLackOfResources { throw call }
        }
        let names = try io.exists(directory.wal) ? try io.list(directory.wal) : []
        let numbers = names.compactMap(LogDirectory.segmentNumber(ofName:)).sorted()
        let others = names.filter { LogDirectory.segmentNumber(ofName: $0) == nil && $0 != LogDirectory.headName }
        return StoreFacts(
            path: path,
            formatVersion: format == nil ? nil : SegmentHeader.major,
            storeID: format?.store.text,
            incarnation: format?.incarnation,
            hasSnapshot: try io.exists(directory.snapshot),
            segments: try files(numbers),
            temporaryFiles: listed(others.filter { LogDirectory.isTemporary($0) }),
            unknownFiles: listed(others.filter { !LogDirectory.isTemporary($0) }),
            quarantinedFiles: try io.exists(directory.quarantine) ? listed(try io.list(directory.quarantine)) : [],
            freeBytes: try io.freeBytes(path),
            lock: try LockFacts.read(directory.lock)
        )
    }

    /// Segments that a running engine retires meanwhile are left out.
    private func files(_ numbers: [SegmentNumber]) throws(SystemCallError) -> [StoreFacts.SegmentFile] {
        var files: [StoreFacts.SegmentFile] = []
        for number in numbers {
            let path = directory.segment(number)
            var facts = stat()
            guard stat(path, &facts) == 0 else {
                if errno == ENOENT { continue }
                throw SystemCallError(call: "stat", number: errno, path: path)
            }
            files.append(.init(number: number.rawValue, path: path, bytes: UInt64(facts.st_size)))
        }
        return files
    }

    private func listed(_ names: [String]) -> [String] {
        Array(names.sorted().prefix(InspectionLimits.listedFiles))
    }
}

extension LockFacts {
    private static let contentLimit = 256

    /// Reads LOCK without taking it. A store without one is not open.
    static func read(_ path: String) throws(SystemCallError) -> LockFacts {
        let descriptor = iii_open_file(path, O_RDONLY, 0)
        guard descriptor >= 0 else {
            let error = SystemCallError(call: "open", number: -descriptor, path: path)
            if error.isLackOfResources { throw error }
            return LockFacts(isHeld: false, holder: nil)
        }
        defer { close(descriptor) }
        return LockFacts(isHeld: iii_file_is_locked(descriptor) == 1, holder: firstLine(descriptor))
    }

    static func isHeld(_ path: String) -> Bool {
        (try? read(path))?.isHeld ?? false
    }

    private static func firstLine(_ descriptor: Int32) -> String? {
        let bytes = [UInt8](unsafeUninitializedCapacity: contentLimit) { place, count in
            count = max(0, pread(descriptor, place.baseAddress, contentLimit, 0))
        }
        let line = bytes.prefix { $0 != 0x0A }
        return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }
}
