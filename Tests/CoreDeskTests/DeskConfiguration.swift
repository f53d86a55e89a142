import PortalBase
import TestSupport

extension TemporaryFolder {
    /// Writes `desk.yaml` for a desk, whose content and forms lie in this folder.
    ///
    /// - Parameter keys: of the desk, below the test keys; the present one first.
    func writeDeskConfiguration(keys: [String] = ["desk/desk-open"], database: String = "desk.sqlite") throws {
        let all = Keys.folder.path
        try write([
            "desk.yaml": """
            socket: desk.sock
            origin: https://127.0.0.1
            database: \(database)
            desk_open: [\(keys.map { all + "/" + $0 }.joined(separator: ", "))]
            definitions: [forms]
            workdays: \(repositoryRoot)/Content/data/workdays.csv
            source: \(path)
            master_key: master.key
            overlay: overlay
            papers: none
            authority: \(all)/ca.crt
            revocation_lists: [\(all)/ca.crl]
            ferry:
              spool: spool
              sign: \(all)/core/core-sign
              open: \(all)/core/core-open
              signers: [\(all)/edge/edge-sign.crt]
              recipients: [\(all)/edge/edge-open.crt]
              operators: [\(all)/operator/operator.crt]
            """
        ])
    }
}
