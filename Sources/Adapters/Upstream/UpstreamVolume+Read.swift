import Engine

/// What reading one file gave.
public enum UpstreamReading: Sendable {
    case sound(UpstreamIndex)
    case damaged(UpstreamDamage)
}

/// A file that isn't sound: why, and what can be read all the same.
public struct UpstreamDamage: Sendable, CustomStringConvertible {
    public enum Reason: Sendable {
        case content(UpstreamArchiveError)
        /// A system call failed.
        case unreadable(UpstreamError)
        /// Another length than a moment before: an engine is still running on the directory.
        case changedWhileReading
    }

    public let file: UpstreamFile
    public let reason: Reason
    public let salvage: UpstreamSalvage?

    public var description: String {
        let cause =
            switch reason {
            case .content(let error): error.description
            case .unreadable(let error): error.description
            case .changedWhileReading:
                "the file changed while it was read. Stop the engine that writes it, then read again"
            }
        guard let salvage else { return "\(file.name): \(cause)" }
        return "\(file.name): \(cause). \(salvage)"
    }
}

/// Of one pass over a volume.
public struct UpstreamTotals: Sendable, Hashable {
    public var indexes = 0
    public var entries = 0
    public var valueBytes = 0
    /// Of the sound files.
    public var fileBytes = 0
    public var duplicateKeys = 0
    public var damagedFiles = 0
    /// Damaged files with something that can be salvaged.
    public var salvageableFiles = 0
    public var leftovers = 0
    public var unknownNames = 0

    mutating func add(_ reading: UpstreamReading) {
        switch reading {
        case .sound(let index):
            indexes += 1
            entries += index.count
            valueBytes += index.valueBytes
            fileBytes += index.fileBytes
            duplicateKeys += index.duplicates.count
        case .damaged(let damage):
            damagedFiles += 1
            if damage.salvage != nil { salvageableFiles += 1 }
        }
    }
}

extension UpstreamVolume {
    /// Reads one file after the other in the order of `files`; a damaged one doesn't stop it. One file at a time is in
    /// memory, of at most `UpstreamArchive.maximumFileBytes`, as long as `body` keeps none.
    public func readEach<Failure: Error>(
        _ body: (UpstreamReading) throws(Failure) -> Void
    ) throws(Failure) -> UpstreamTotals {
        var totals = UpstreamTotals()
        totals.leftovers = leftovers.count
        totals.unknownNames = unknown.count
        for file in files {
            let reading = read(file)
            totals.add(reading)
            try body(reading)
        }
        return totals
    }

    public func read(_ file: UpstreamFile) -> UpstreamReading { Self.read(file, in: path) }

    static func read(_ file: UpstreamFile, in directory: String) -> UpstreamReading {
        guard file.bytes <= UpstreamArchive.maximumFileBytes else {
            let message = "the file has \(file.bytes) bytes, the greatest has \(UpstreamArchive.maximumFileBytes)"
            let error = UpstreamArchiveError(.tooLarge, at: UpstreamArchive.maximumFileBytes, message)
            return .damaged(UpstreamDamage(file: file, reason: .content(error), salvage: nil))
        }
        do throws(UpstreamError) {
            let bytes = try UpstreamFiles.read(directory + "/" + file.name, limit: UpstreamArchive.maximumFileBytes)
            guard let bytes else {
                return .damaged(UpstreamDamage(file: file, reason: .changedWhileReading, salvage: nil))
            }
            return decode(bytes, of: file)
        } catch {
            return .damaged(UpstreamDamage(file: file, reason: .unreadable(error), salvage: nil))
        }
    }

    /// The index that a file's bytes hold.
    static func decode(_ bytes: [UInt8], of file: UpstreamFile) -> UpstreamReading {
        do throws(UpstreamArchiveError) {
            let scan = UpstreamScan(bytes, try UpstreamArchive.uncheckedTextRange(of: bytes))
            if let error = scan.error { throw UpstreamArchiveError(text: error, isWholeObject: scan.isWholeObject) }
            return .sound(UpstreamIndex(name: file.index, bytes: bytes, scan: scan))
        } catch {
            let salvage = UpstreamSalvage(name: file.index, file: bytes)
            return .damaged(UpstreamDamage(file: file, reason: .content(error), salvage: salvage))
        }
    }
}

extension UpstreamArchiveError {
    /// The layout is sound, the text in it isn't.
    fileprivate init(text error: JSONError, isWholeObject: Bool) {
        switch error.code {
        case _ where isWholeObject:
            let message = "the object ends before this byte, the text that the root names doesn't"
            self.init(.trailingBytes, at: error.offset, message)
        case .invalidUTF8: self.init(.notUTF8, at: error.offset, "the text isn't UTF-8 here")
        case .notAnObject: self.init(.notAnObject, at: error.offset, "the text isn't a JSON object")
        case .tooDeep: self.init(.tooDeep, at: error.offset, "\(error.code)")
        default: self.init(.notJSON, at: error.offset, "\(error.code)")
        }
    }
}
