import Glibc
import Storage

/// A directory that a drill makes below the one it was given, and removes with everything in it.
struct DrillPlace {
    /// A drill's folders are three deep.
    private static let maximumDepth = 8

    let path: String

    init(below directory: String) throws {
        var template = Array((directory + "/iii-drill-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            let reason = SystemCallError(call: "mkdtemp", number: errno, path: directory).reason
            throw CommandFailure(reason, path: directory, remedy: "name a directory that you may write to")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func remove() throws {
        try Self.remove(path, depth: 0)
    }

    private static func remove(_ path: String, depth: Int) throws {
        guard depth < maximumDepth, let directory = opendir(path) else { return }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        closedir(directory)
        for name in names where unlink(path + "/" + name) != 0 { try remove(path + "/" + name, depth: depth + 1) }
        guard rmdir(path) == 0 else {
            let reason = SystemCallError(call: "rmdir", number: errno, path: path).reason
            throw CommandFailure(reason, path: path, remedy: "remove it by hand")
        }
    }
}
