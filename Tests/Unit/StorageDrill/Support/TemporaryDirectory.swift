import Glibc

@testable import StorageDrill

/// A directory that goes away with its owner.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/storage-drill-tests.XXXXXX".utf8CString)
        guard let made = template.withUnsafeMutableBufferPointer({ mkdtemp($0.baseAddress!) }) else {
            throw DrillError.failed("mkdtemp", "/tmp")
        }
        path = String(cString: made)
    }

    deinit {
        try? DrillFiles.removeTree(path)
    }

    /// Files below, with their bytes; directories with nil.
    static func contents(_ path: String) throws -> [String: [UInt8]?] {
        var found: [String: [UInt8]?] = [:]
        for name in try DrillFiles.list(path) {
            let whole = path + "/" + name
            if DrillFiles.kind(of: whole) == .directory {
                found[name] = .some(nil)
                for (inner, bytes) in try contents(whole) { found[name + "/" + inner] = bytes }
            } else {
                found[name] = try bytes(whole)
            }
        }
        return found
    }

    static func bytes(_ path: String) throws -> [UInt8] {
        let file = try OpenFile(path, O_RDONLY)
        var bytes = [UInt8](repeating: 0, count: Int(file.size))
        let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        return Array(bytes[..<count])
    }

    static func write(_ bytes: [UInt8], to path: String) throws {
        let file = try OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC)
        try bytes.withUnsafeBytes { try file.write($0, at: 0) }
    }
}
