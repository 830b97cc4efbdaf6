import Glibc

/// Asks a person to type what is at stake. Anything else, and anybody who isn't at a terminal, means no.
enum Confirmation {
    static func ask(_ word: String, _ console: Console) throws -> Bool {
        guard isatty(STDIN_FILENO) == 1 else { return false }
        console.complain("This can't be undone here. Type \(word) to go on:")
        return readLine() == word
    }
}
