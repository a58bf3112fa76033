/**
 * Files that other programs run, outside the sandbox and with the rights of whoever opens the workspace there
 * (attacks 65 and 66): hooks and configuration of git, shells, editors, package managers and forges.
 */
const FOLDERS =
  /\/(?:\.git|\.githooks|\.husky|\.vscode|\.idea|\.devcontainer|\.zed|\.circleci|\.github\/workflows|\.ssh)(?:\/|$)/;
const NAMES: ReadonlySet<string> = new Set(
  [
    '.envrc .bashrc .bash_profile .profile .zshrc .zprofile .zshenv .inputrc .vimrc .exrc .nvimrc .gdbinit .lldbinit',
    '.gitconfig .gitmodules .gitattributes .npmrc .yarnrc .yarnrc.yml .pnpmfile.cjs .pre-commit-config.yaml',
    '.lefthook.yml lefthook.yml .mise.toml .gitlab-ci.yml .travis.yml Jenkinsfile azure-pipelines.yml',
    'sitecustomize.py usercustomize.py .pdbrc .irbrc .Rprofile .emacs .dir-locals.el',
  ].flatMap((line) => line.split(' ')),
);

/** Whether something outside may run what is written at this path; absolute, normalised, inside the sandbox. */
export function runsLater(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return FOLDERS.test(path) || NAMES.has(name);
}
